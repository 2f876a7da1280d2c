"""Who is in the league, with which settings, and for how many steps.

Steps are what ten minutes of two idle cores allow, counted once from the milliseconds that a step took (costs.json, by
`python -m reproductions.league --time`, AMD EPYC Zen 4, two cores, torch 2.13.0, 2026-11-27), then fixed; other
machines take the same steps. Settings are a recipe's defaults, and what is beside its name: chosen on training images
(`--try`), never on test images.

Not here: systems that draw by chains, whose sample costs minutes (docs/results/plug-and-play.md), that draw what they
are shown (docs/translation.md), or words (docs/results/conditional.md).
"""

import json
from pathlib import Path
from typing import Any, NamedTuple, final

from energan.utils.errors import UserError

DIGITS = ("mnist", "fashion-mnist")
COLOUR = ("emoji-noto",)
SECONDS = 600  # of two idle cores, for each training
TIMED = Path(__file__).with_name("costs.json")


@final
class Cost(NamedTuple):
    """What a system costs on two idle cores.

    steps   in SECONDS
    batch   images of a step
    MiB     the process at its largest while it trains: torch and the training images are in it, metrics are not
    """

    steps: int
    batch: int
    MiB: int

    @property
    def images_per_second(self) -> float:
        """Training images a second."""
        return self.steps * self.batch / SECONDS


COSTS: dict[str, Cost] = {name: Cost(**cost) for name, cost in json.loads(TIMED.read_text()).items()}


@final
class Entry(NamedTuple):
    """A system in the league.

    own    arguments that are not the recipe's defaults
    data   the sets of images that it is trained on
    """

    recipe: str
    own: dict[str, Any]
    data: tuple[str, ...] = DIGITS

    def arguments(self, data: str, seed: int, steps: int) -> dict[str, Any]:
        """What the recipe is given."""
        return {"data": data, "seed": seed, "steps": steps, "save_every": max(1, steps // 4), **self.own}


ENTRIES: dict[str, Entry] = {
    "EBGAN-PT": Entry("ebgan-pt-mnist", {"batch": 64}),
    "EBGAN": Entry("ebgan-pt-mnist", {"batch": 64, "pt": 0.0}),
    "EBGAN-PT, fully connected": Entry("ebgan-mnist", {"pt": 0.1}),
    "EBGAN, fully connected": Entry("ebgan-mnist", {}),
    "conditional EBGAN-PT": Entry("conditional-ebgan-pt-mnist", {}),
    "LeCun's square-square": Entry("energy-losses-mnist", {}),
    "BEGAN": Entry("began-mnist", {}),
    "GAN, fully connected": Entry("gan-mnist", {}),
    "maxout GAN": Entry("maxout-gan-mnist", {}),
    "conditional DCGAN": Entry("conditional-dcgan-mnist", {}),
    "conditional GAN": Entry("cgan-mnist", {}),
    "improved GAN": Entry("improved-gan-mnist", {}),
    "stacked GANs": Entry("sgan-mnist", {}),
    "LSGAN": Entry("lsgan-mnist", {}),
    "hinge GAN": Entry("hinge-mnist", {}),
    "R3GAN's objective": Entry("r3gan-mnist", {}),
    "WGAN": Entry("wgan-mnist", {}),
    "WGAN-GP": Entry("wgan-gp-mnist", {}),
    "f-GAN": Entry("fgan-mnist", {}),
    "unrolled GAN": Entry("unrolled-mnist", {}),
    "mode-regularised GAN": Entry("mode-regularised-mnist", {}),
    "LAPGAN": Entry("lapgan-mnist", {}),
    "InfoGAN": Entry("infogan-mnist", {}),
    "VAE": Entry("vae-mnist", {}),
    "VAE/GAN": Entry("vae-gan-mnist", {}),
    "two stages": Entry("two-stage-mnist", {}),
    "adversarial auto-encoder": Entry("aae-mnist", {}),
    "GMMN": Entry("gmmn-mnist", {}),
    "GMMN + AE": Entry("gmmn-ae-mnist", {}),
    "energy distance": Entry("energy-distance-mnist", {}),
    "Sinkhorn": Entry("sinkhorn-mnist", {}),
    "DCGAN, 64 pixels": Entry("dcgan-64", {"width": 32, "batch": 64, "lr": 1e-3}, COLOUR),
    "EBGAN-PT, 64 pixels": Entry("ebgan-pt-64", {"width": 32, "batch": 64, "lr": 1e-3, "margin": 30.0}, COLOUR),
    "FastGAN, 64 pixels": Entry("fastgan-64", {}, COLOUR),
    "LAPGAN, 64 pixels": Entry("lapgan-64", {"width": 32}, COLOUR),
    "VAE/GAN, 64 pixels": Entry("vae-gan-64", {"width": 32}, COLOUR),
    "two stages, 64 pixels": Entry("two-stage-64", {"width": 32}, COLOUR),
}


def entry(name: str) -> Entry:
    """The entry of that name. UserError, with the names there are, for any other."""
    if name not in ENTRIES:
        raise UserError(f"the league has no {name!r}; there are {', '.join(ENTRIES)}")
    return ENTRIES[name]


def steps_of(name: str) -> int:
    """How many steps the entry has. UserError where none were counted yet."""
    if name not in COSTS:
        raise UserError(f"no steps of {name!r} were counted yet: `python -m reproductions.league --time` does")
    return COSTS[name].steps
