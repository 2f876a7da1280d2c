"""A recipe of a conditional run that takes a second: what tests of asking for classes train."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from energan.engine.noise import uniform
from energan.engine.optimizers import Adam
from energan.experiment import Experiment
from energan.games.conditional.conditional import conditional
from energan.games.gan.gan import gan
from energan.games.gan.wgan_gp import wgan_gp
from energan.networks.conv import dcgan
from energan.networks.layers.condition import Joined, Planes
from energan.recipes.build import build
from energan.recipes.common import Training, experiment, padded_digits
from energan.runs.folder import RunFolder
from energan.training.loop import train

SHORT = Training(steps=4, batch=8, save_every=4)


def recipe(
    *, data: str = "digits", classes: int = 10, width: int = 4, critic: bool = False, training: Training = SHORT
) -> Experiment:
    """A class-conditional DCGAN on digits; critic: a WGAN-GP."""
    with training.seeded():
        G = Joined(dcgan.Generator(8 + classes, channels=1, size=32, width=width), classes)
        D = Planes(dcgan.Discriminator(channels=1 + classes, size=32, width=width), classes)
    if critic:
        game = conditional(wgan_gp(G, D, uniform(8), critic_steps=1), classes, ("G", "f"))
        return experiment(game, "wgan-gp", data, padded_digits, training)
    game = gan(G, D, uniform(8), optimizer_G=Adam(2e-4, beta1=0.5), optimizer_D=Adam(2e-4, beta1=0.5))
    return experiment(conditional(game, classes), "gan", data, padded_digits, training)


NAMES = ("<b>", "=1+1", "ünïcode 🐈")


def pictures(folder: Path, train: int = 12, test: int = 12) -> Path:
    """A folder of three classes, bright, dark and striped squares of 28 x 28, in train and test."""
    random = np.random.default_rng(0)
    for split, n in (("train", train), ("test", test)):
        for c, name in enumerate(NAMES):
            (folder / split / name).mkdir(parents=True)
            for i in range(n):
                image = random.integers(0, 40, (28, 28), dtype=np.uint8) + np.uint8([200, 0, 0][c])
                image[:: 4 if c == 2 else 99] = 255
                Image.fromarray(image).save(folder / split / name / f"{i:02d}.png")
    return folder


def trained(folder: Path, **changes: Any) -> Path:
    """A run in `folder` of this recipe, trained to its end."""
    values = {"steps": 4, "batch": 8, "save_every": 4, "precision": "fp32", "device": "cpu", **changes}
    run = build("small_conditional:recipe", **values)
    data = run.training_set()
    RunFolder(folder).create(run, data, "small_conditional:recipe", values, "a test")
    assert train(run, RunFolder(folder), data, quiet=True) == "finished"
    return folder
