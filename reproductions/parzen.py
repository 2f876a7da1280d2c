"""The first GAN on MNIST by its own measure (Goodfellow et al. 2014, arXiv:1406.2661, table 1: 225 ± 2).

    python -m reproductions.parzen --steps 20000 --seeds 1 --out runs/parzen

Nets, dropout, optimizers and data as theirs: trained on the first 50,000 images; ten times 10,000 samples, the window's
width chosen on 1,000 validation images, the mean log-likelihood of the 10,000 test images in nats (metrics/parzen.py).
The authors trained for hundreds of epochs and took the best of several runs; here the look that is likeliest to the
validation images is in the table. The command again goes on where it stopped. It is a part of reproductions.campaign.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data import Batches, load
from energan.data.batches.resident import resident
from energan.data.pixels import to_unit
from energan.engine import Trainer
from energan.engine.noise import uniform
from energan.engine.optimizers import AnnealedSGD
from energan.engine.rng import seeded
from energan.games.gan.gan import gan
from energan.inference.snapshot import snapshot
from energan.metrics.parzen import parzen_log_likelihood, parzen_sigma
from energan.networks.dense import maxout
from reproductions.campaign.entry import Conditions, Entry, Look, Models, images_of
from reproductions.campaign.play import play_alone

PUBLISHED = "225 ± 2"
OPEN = "the paper states no length: 125,000 steps, the 250 epochs over which its momentum rises"


def rows(images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
    """Pixels in [0, 1], a row each."""
    return images.flatten(1).float() / 255


def entries(where: Conditions, steps: int = 125_000, seeds: int = 3) -> list[Entry]:
    settings: dict[str, Any] = {
        "data": "mnist", "size": 28, "train": 50_000, "validation": 1_000, "samples": 10_000, "batch": 100, "z": 100,
        "size_g": 1200, "units_d": 240, "lr": 0.1, "precision": "fp32",
    }  # fmt: skip
    if where.toy:
        settings |= {"data": "digits", "train": 1000, "validation": 50, "samples": 100, "batch": 20}
        settings |= {"z": 8, "size_g": 16, "units_d": 8}
    return [
        Entry(
            name="parzen",
            table="The first GAN's Parzen windows, nats",
            about="maxout GAN",
            steps=steps,
            seeds=tuple(range(seeds)),
            settings=settings,
            build=partial(build, settings),
            shown=("log-likelihood", "validation", "sigma"),
            looks=10,
            best="validation",
            published=PUBLISHED,
            open=OPEN,
            needs=images_of(settings["data"]),
        )
    ]


def build(settings: dict[str, Any], seeds: Sequence[int], device: str) -> Models:
    """One model, and the likelihoods of its samples."""
    (seed,) = seeds
    images, test = (load(settings["data"], split, size=settings["size"]).images for split in ("train", "test"))
    train, validation = images.split(settings["train"])[0], images[settings["train"] :][: settings["validation"]]
    z = settings["z"]
    with seeded(seed):
        G = maxout.Generator(z, size=settings["size_g"], mean=to_unit(train).mean(0))
        D = maxout.Discriminator(units=settings["units_d"])
    sgd = AnnealedSGD(settings["lr"])
    game = gan(
        G, D, uniform(z, low=-(3**0.5), high=3**0.5), simultaneous=True,
        optimizer_G=sgd,
        optimizer_D=sgd.with_settings(lr=sgd.lr / 2, floor=sgd.floor / 2),  # the authors halve D's loss
    )  # fmt: skip
    source = resident(Batches(train, None, settings["batch"], seed), device)
    one = Trainer(game, source, seed=seed, precision=settings["precision"], device=device)

    def look() -> Look:
        samples = snapshot(one, train, settings["batch"]).sample(settings["samples"], seed=1)
        sigma = parzen_sigma(rows(samples), rows(validation))
        likelihood, error = parzen_log_likelihood(rows(samples), rows(test), sigma)
        chosen_by = parzen_log_likelihood(rows(samples), rows(validation), sigma)[0]
        values = {"log-likelihood": likelihood, "error": error, "sigma": sigma, "validation": chosen_by}
        return Look({name: [value] for name, value in values.items()}, samples[:64], 8)

    return Models(one, look)


if __name__ == "__main__":
    play_alone(__doc__ or "", entries, "runs/parzen", steps=20_000, seeds=1)
