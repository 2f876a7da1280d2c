"""DCGAN, EBGAN and EBGAN-PT on emoji at the papers' width: a part of reproductions.campaign.

The papers have CelebA, LSUN and ImageNet, which are not here: emoji are a small set (1,546 at 64 pixels), so there are
no numbers to stand beside. The nets of a size are those of the papers, and all systems of it have the same generator.
"""

from typing import Any

from energan.networks.conv.mobilenet_v2 import mobilenet_v2
from reproductions.campaign.entry import Conditions, Entry, images_of
from reproductions.campaign.images import Drawn, by_seed, of_samples

NETWORK = "mobilenetv2"
SHOWN = tuple(f"{name}-MobileNetV2" for name in ("FID", "KID", "precision", "recall", "density", "coverage"))
AT_64: dict[str, tuple[str, str, dict[str, Any]]] = {
    "emoji-dcgan": ("DCGAN", "dcgan-64", {"z": 100}),
    "emoji-ebgan": ("EBGAN", "ebgan-pt-64", {"z": 100, "margin": 30.0, "pt": 0.0}),
    "emoji-ebgan-pt": ("EBGAN-PT", "ebgan-pt-64", {"z": 100, "margin": 30.0, "pt": 0.1}),
}
AT_128: dict[str, tuple[str, str, dict[str, Any]]] = {
    "emoji-128-ebgan": ("EBGAN", "ebgan-pt-128", {"margin": 60.0, "pt": 0.0}),
    "emoji-128-ebgan-pt": ("EBGAN-PT", "ebgan-pt-128", {"margin": 60.0, "pt": 0.1}),
}
OPEN = (
    "the paper refers to DCGAN for optimizers and states no length: Adam 2e-4, beta1 .5, averaged G (.999), the rate "
    "falling over the last half; margin 30 at 64 pixels, of `energan margin`, and of the same RMS a pixel at 128"
)


def entries(where: Conditions) -> list[Entry]:
    """64 pixels first, then 128."""
    small = {"data": "emoji-noto", "width": 64, "batch": 128}
    large = {"data": "emoji-fluent", "width": 64, "batch": 64}
    return [
        *(_entry(where, "Emoji at 64 pixels", 50_000, name, *row, small) for name, row in AT_64.items()),
        *(_entry(where, "Emoji at 128 pixels", 100_000, name, *row, large) for name, row in AT_128.items()),
    ]


def _entry(
    where: Conditions,
    table: str,
    steps: int,
    name: str,
    about: str,
    recipe: str,
    own: dict[str, Any],
    shared: dict[str, Any],
) -> Entry:
    settings: dict[str, Any] = {
        "recipe": recipe, "lr": 2e-4, "beta1": 0.5, "decay": 0.5, "ema": 0.999, "precision": where.precision(),
        **shared, **own,
    }  # fmt: skip
    samples, tested, seeds, looks = 2000, 360, 3, 2
    if where.toy:
        settings |= {"data": "digits", "width": 4 if recipe.endswith("64") else 1, "batch": 4}
        samples, tested, seeds, looks, steps = 32, 32, 1, 1, 2
    arguments = {k: v for k, v in settings.items() if k != "recipe"} | {"steps": steps}
    return Entry(
        name=name,
        table=table,
        about=about,
        steps=steps,
        seeds=tuple(range(seeds)),
        settings={**settings, "samples": samples},
        build=Drawn(recipe, arguments, by_seed, of_samples(samples, NETWORK), tested, NETWORK).models,
        shown=SHOWN,
        looks=looks,
        open=OPEN,
        needs=images_of(settings["data"]) | {"MobileNetV2": mobilenet_v2},
    )
