"""The systems of `energan classify`: their recipes, and what is taken where nobody says."""

from typing import Literal, NamedTuple

System = Literal["ladder", "conv-ladder", "ebgan-ln", "improved-gan", "aae"]


class Defaults(NamedTuple):
    """Of a system: its recipe, and what is taken where nobody says."""

    recipe: str
    size: int = 28
    channels: int = 1
    steps: int = 3000
    batch: int = 100


SYSTEMS: dict[str, Defaults] = {
    "ladder": Defaults("ladder-mnist"),
    "ladder on features": Defaults("ladder-features", size=128, channels=3, steps=400),
    "conv-ladder": Defaults("conv-ladder-32", size=32, channels=3, steps=1000, batch=50),
    "ebgan-ln": Defaults("ebgan-ln-mnist"),
    "improved-gan": Defaults("improved-gan-mnist", steps=12000),
    "aae": Defaults("aae-ssl-mnist"),
}
