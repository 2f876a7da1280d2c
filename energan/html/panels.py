"""Which logged quantities share a chart, by the notation that games share, and in which colour.

It knows no game. A quantity that has no panel gets a chart of its own; what it means is in run.json, from the game.
"""

from typing import NamedTuple


class Panel(NamedTuple):
    """A chart.

    title   its heading
    names   of quantities; * stands for any text
    number  one of the game's hyperparameters, drawn as a line
    level   a value, drawn as a line
    zero    whether the vertical axis starts at 0
    one     whether it ends at 1
    joined  whether a quantity of several turns is one curve, and a much smaller one has its own chart, too
    """

    title: str
    names: tuple[str, ...]
    number: str = ""
    level: float | None = None
    zero: bool = True
    one: bool = False
    joined: bool = False


PANELS = (
    Panel("Energies", ("E(*)", "margin"), number="margin"),
    Panel("Cross-entropy", ("CE",)),
    Panel("Probabilities of being real", ("D(*)",), level=0.5, one=True),
    Panel("Wasserstein estimates", ("W", "W(*)"), zero=False, joined=True),
    Panel("Reconstruction losses", ("L(*)",), joined=True),
    Panel("Gradient penalties", ("gradient penalty", "penalty(*)", "R1", "R2"), joined=True),
    Panel("Denoising costs", ("C_*",)),
    Panel("Terms of the loss", ("L_*",), joined=True),
    Panel("Who learns", ("* learns",), one=True),
    Panel("Losses", ("loss",), zero=False),
)

OTHERS = ("a", "b", "c", "d")  # tones of quantities that are neither of real nor of generated images


TONES = ("real", "fake", "line", "")


def tone(name: str) -> str:
    """The colour of a quantity: of real images, of generated ones, of a margin; "" for others."""
    if name.endswith(("(x)", "(u)")):
        return "real"
    return "fake" if name.endswith("(G(z))") else "line" if name == "margin" else ""
