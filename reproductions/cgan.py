"""Conditional GANs on MNIST by the paper's measure (Mirza & Osindero 2014, arXiv:1411.1784, table 1: 132 ± 1.8).

    python -m reproductions.cgan --steps 125000 --seeds 3 --out runs/cgan

Nets, dropout, optimizers and batch as theirs: trained on the first 50,000 images; ten times 1,000 samples of each
class, the window's width chosen on 1,000 validation images, the mean log-likelihood of the 10,000 test images in nats
(metrics/parzen.py). As the authors', the look that is likeliest to the validation images is in the table. Beside it,
asked = seen: the share of samples that the shipped classifier of digits sees as the class they were asked for.
The command again goes on where it stopped. It is a part of reproductions.campaign.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from energan.data import Batches, load
from energan.data.batches.resident import resident
from energan.engine import Trainer
from energan.engine.optimizers import AnnealedSGD
from energan.engine.rng import seeded
from energan.games.conditional.cgan import cgan as game_of
from energan.inference.snapshot import snapshot
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.metrics.parzen import parzen_log_likelihood, parzen_sigma
from energan.networks.conditional import cgan
from reproductions.campaign.entry import Conditions, Entry, Look, Models, images_of
from reproductions.campaign.play import play_alone
from reproductions.parzen import rows

PUBLISHED = "132 ± 1.8"
OPEN = (
    "the paper states no length: 125,000 steps, 250 epochs; nor initial weights, nor whether G's dropout is on in use: "
    "it is here, a part of the noise (networks/conditional/cgan.py)"
)


def entries(where: Conditions, steps: int = 125_000, seeds: int = 3) -> list[Entry]:
    settings: dict[str, Any] = {
        "data": "mnist", "size": 28, "classes": 10, "train": 50_000, "validation": 1_000, "samples": 10_000,
        "batch": 100, "z": 100, "masks": True, "sizes": [200, 1000, 1200], "units": [240, 50, 240],
        "lr": 0.1, "anneal": 4e-5, "precision": "fp32",
    }  # fmt: skip
    if where.toy:
        settings |= {"data": "digits", "train": 1000, "validation": 50, "samples": 100, "batch": 20}
        settings |= {"z": 8, "sizes": [8, 8, 16], "units": [8, 4, 8]}
    return [
        Entry(
            name="cgan",
            table="The conditional GAN's Parzen windows, nats",
            about="maxout CGAN",
            steps=steps,
            seeds=tuple(range(seeds)),
            settings=settings,
            build=partial(build, settings),
            shown=("log-likelihood", "error", "validation", "sigma", "asked = seen"),
            looks=10,
            best="validation",
            published=PUBLISHED,
            open=OPEN,
            needs=images_of(settings["data"]),
        )
    ]


def build(settings: dict[str, Any], seeds: Sequence[int], device: str) -> Models:
    """One model; the likelihoods of its samples, of which there are as many of each class."""
    (seed,) = seeds
    data, test = (load(settings["data"], split, size=settings["size"]) for split in ("train", "test"))
    train, validation = data.images[: settings["train"]], data.images[settings["train"] :][: settings["validation"]]
    assert data.labels is not None
    classes, shape = settings["classes"], tuple(train.shape[1:])
    with seeded(seed):
        G = cgan.Generator(settings["z"], classes, shape, sizes=settings["sizes"], masks=settings["masks"])
        D = cgan.Discriminator(classes, shape, units=settings["units"])
    sgd = AnnealedSGD(settings["lr"], settings["anneal"])
    half = sgd.with_settings(lr=sgd.lr / 2, floor=sgd.floor / 2)  # the first GAN's authors halve D's loss
    game = game_of(G, D, cgan.noise_of(G), classes, optimizer_G=sgd, optimizer_D=half)
    source = resident(Batches(train, data.labels[: settings["train"]], settings["batch"], seed, classes), device)
    one = Trainer(game, source, seed=seed, precision=settings["precision"], device=device)
    asked = torch.arange(settings["samples"]) % classes

    def look() -> Look:
        model = snapshot(one, train, settings["batch"])
        samples = model.sample(len(asked), seed=1, conditions=torch.eye(classes)[asked])
        sigma = parzen_sigma(rows(samples), rows(validation))
        likelihood, error = parzen_log_likelihood(rows(samples), rows(test.images), sigma)
        values = {
            "log-likelihood": likelihood,
            "error": error,
            "sigma": sigma,
            "validation": parzen_log_likelihood(rows(samples), rows(validation), sigma)[0],
            "asked = seen": seen(samples, asked),
        }
        return Look({name: [value] for name, value in values.items()}, samples[:100], classes)

    return Models(one, look)


@torch.no_grad()
def seen(samples: torch.Tensor, asked: torch.Tensor) -> float:
    """The share of digits that the shipped classifier sees as asked for."""
    net = mnist_classifier()
    logits = torch.cat([net(part) for part in samples.split(1000)])
    return float((logits.argmax(1) == asked).double().mean())


if __name__ == "__main__":
    play_alone(__doc__ or "", entries, "runs/cgan", steps=125_000, seeds=3)
