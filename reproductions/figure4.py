"""The best GAN, EBGAN and EBGAN-PT of the paper's grid search (arXiv:1609.03126, figure 4), side by side over seeds.

    python -m reproductions.figure4 --steps 10000 --seeds 3 --out runs/figure4

Trains each configuration for the same number of steps and measures 10,000 samples by the paper's modified score
I = E KL(p(y) || p(y|x)), MNIST-IS and MNIST-FID. The paper shows pictures and histograms only, so there are no numbers
to stand beside. The command again goes on where it stopped. At 100,000 steps it is a part of reproductions.campaign.
"""

from typing import Any

from reproductions.campaign.entry import Conditions, Entry, images_of
from reproductions.campaign.images import Drawn, by_seed, of_samples
from reproductions.campaign.play import play_alone

SYSTEMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "figure4-gan": ("GAN (a)", "gan-mnist", {"size_g": 1600, "lr": 1e-2}),
    "figure4-ebgan": ("EBGAN (b)", "ebgan-mnist", {"size_g": 800, "lr": 1e-3, "margin": 10.0, "pt": 0.0}),
    "figure4-ebgan-pt": ("EBGAN-PT (c)", "ebgan-mnist", {"size_g": 800, "lr": 1e-3, "margin": 10.0, "pt": 0.1}),
}
SHOWN = ("MNIST-I", "MNIST-IS", "MNIST-FID", "MNIST-precision", "MNIST-recall", "digits covered")
OPEN = "the paper states neither batch, z nor length: batch 128, z 100, Adam's beta1 .5, SGD without momentum"
TOY = {"data": "digits", "size_g": 16, "size_d": 16, "z": 8, "batch": 16}


def entries(where: Conditions, steps: int = 100_000, seeds: int = 5) -> list[Entry]:
    return [_entry(where, name, *row, steps, seeds) for name, row in SYSTEMS.items()]


def _entry(where: Conditions, name: str, about: str, recipe: str, own: dict[str, Any], steps: int, seeds: int) -> Entry:
    settings: dict[str, Any] = {
        "recipe": recipe, "data": "mnist", "layers_g": 5, "layers_d": 2, "size_d": 1024, "z": 100, "batch": 128,
        "precision": where.precision(), **own,
    }  # fmt: skip
    settings |= TOY if where.toy else {}
    arguments = {k: v for k, v in settings.items() if k != "recipe"} | {"steps": steps}
    samples = 64 if where.toy else 10_000
    return Entry(
        name=name,
        table="EBGAN's figure 4",
        about=about,
        steps=steps,
        seeds=tuple(range(seeds)),
        settings={**settings, "samples": samples},
        build=Drawn(recipe, arguments, by_seed, of_samples(samples, "mnist"), samples, "mnist").models,
        shown=SHOWN,
        looks=2,
        published="pictures only",
        open=OPEN,
        needs=images_of(settings["data"]),
    )


if __name__ == "__main__":
    play_alone(__doc__ or "", entries, "runs/figure4", steps=10_000, seeds=3)
