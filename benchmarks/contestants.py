"""What trains on MNIST in benchmarks/time_to_quality.py: public implementations in their own loops, and recipes.

A peer's networks, losses, optimizers and loop are read from its checkout and run as they stand, with the settings that
it has by default, up to its printing and saving of images. Its images are the 60,000 digits of MNIST by the
transformations that it states (torchvision's Resize of a grey PIL image is PIL's bilinear resize), made once
beforehand: reading them costs a peer no time here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from benchmarks.peer_parts import read_file, script, torchgan_trainer
from energan.data import load
from energan.data.pixels import to_bytes, to_unit
from energan.inference.snapshot import snapshot
from energan.recipes.build import build
from energan.training.loop import trainer_of
from energan.utils.errors import UserError
from energan.utils.hardware import keep_memory

SIDE = 28  # of the images that are judged
FOREVER = 10**9  # steps: a peer trains until its time is over
STATED = re.compile(r"Resize\(opt\.img_size\),\s*\S*ToTensor\(\),\s*\S*Normalize\(\[0\.5\], \[0\.5\]\)")
SAMPLING_SEED = 1


class Contestant(NamedTuple):
    """Something in training.

    step: one pass of its loop's body. sample: n -> images (n, 1, 28, 28), bytes. last: steps after which it ends.
    through: digits (n, 1, 28, 28), bytes -> the same by the way that its samples go, to tell what that way costs.
    """

    step: Callable[[], object]
    sample: Callable[[int], Tensor]
    last: int
    through: Callable[[Tensor], Tensor]


# ---- one way to the judge, and back ---------------------------------------------------------------------------------
def prepared(images: Tensor, size: int) -> Tensor:
    """What a peer trains on: digits (n, 1, 28, 28), bytes -> (n, 1, size, size) in [-1, 1], resized as PIL does."""
    from PIL import Image

    if size != images.shape[-1]:
        resized = (Image.fromarray(x.numpy()).resize((size, size), Image.Resampling.BILINEAR) for x in images[:, 0])
        images = torch.stack([torch.from_numpy(np.array(image))[None] for image in resized])
    return to_unit(images).clone(memory_format=torch.contiguous_format)  # as a DataLoader's; a view needs it


def judged(x: Tensor) -> Tensor:
    """What is judged: images (n, 1, h, h) in [-1, 1] that show what MNIST's 28 x 28 do -> (n, 1, 28, 28), bytes.

    Reduced by bicubic interpolation. Of the usual ways it leaves real digits that were enlarged nearest to themselves.
    """
    x = x if x.shape[-1] == SIDE else interpolate(x, size=SIDE, mode="bicubic", align_corners=False).clamp(-1, 1)
    return to_bytes(x)


def cut(images: Tensor) -> Tensor:
    """What is judged of padded digits: bytes (n, 1, 32, 32) -> (n, 1, 28, 28), without the border."""
    edge = (images.shape[-1] - SIDE) // 2
    return images[:, :, edge : edge + SIDE, edge : edge + SIDE]


def drawn(G: nn.Module, z: Tensor, batch: int) -> Tensor:
    """G's images of the rows of z, a batch at a time, as its script draws them; G's running statistics stay.

    Without a gradient. Batch norm is in the mode that G is in: PyTorch-GAN's scripts never leave that of training.
    """
    before = {name: value.clone() for name, value in G.state_dict().items()}
    with torch.no_grad():
        x = torch.cat([G(rows) for rows in z.split(batch)])
    G.load_state_dict(before)
    return x


def noise(n: int, size: int) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(SAMPLING_SEED))


# ---- peers ----------------------------------------------------------------------------------------------------------
def batches(x: Tensor, batch: int, *, whole: bool = False) -> Iterator[tuple[int, int, Tensor]]:
    """(epoch, i, images) without end: each epoch has all images in a new order, as a shuffling DataLoader gives them.

    whole: without an epoch's last batch where that is smaller.
    """
    for epoch in range(FOREVER):
        for i, rows in enumerate(torch.randperm(len(x)).split(batch)):
            if len(rows) == batch or not whole:
                yield epoch, i, x[rows]


def nothing(*_: object, **__: object) -> None:
    """In the place of print and save_image, which stand inside a condition of a loop's body."""


def pytorch_gan(folder: Path, seed: int, name: str) -> Contestant:
    """One of PyTorch-GAN's scripts that train on MNIST, by its name."""
    path = folder / "implementations" / name / f"{name}.py"
    if not STATED.search(read_file(path, False)):
        raise UserError(f"{path} does not bring MNIST to [-1, 1] at opt.img_size: it is another version")
    torch.manual_seed(seed)
    np.random.seed(seed)
    names, body = script(path, False, [])
    opt, G = names["opt"], names["generator"]
    x = prepared(load("mnist", "train").images, opt.img_size)
    given = batches(x, opt.batch_size)
    names |= {"print": nothing, "save_image": nothing, "dataloader": range(-(-len(x) // opt.batch_size))}

    def step() -> None:
        names["epoch"], names["i"], names["imgs"] = next(given)
        exec(body, names)

    return Contestant(
        step,
        lambda n: judged(drawn(G, noise(n, opt.latent_dim), opt.batch_size)),
        FOREVER,
        lambda images: judged(prepared(images, opt.img_size)),
    )


TORCHGAN_SIZE, TORCHGAN_BATCH, TORCHGAN_Z = 32, 64, 100


def torchgan_ebgan(folder: Path, seed: int) -> Contestant:
    """torchgan's EBGAN: its default networks for grey images, its default margin, Adam as in benchmarks.peers.

    Its documentation has a margin of 10 for MNIST, its default is 80. Both train alike: the energy is the mean square
    of differences of images in [-1, 1], at most 4, and the hinge is never off.
    """
    torch.manual_seed(seed)
    np.random.seed(seed)
    trainer, play = torchgan_trainer(
        folder, False, TORCHGAN_BATCH,
        lambda models: {
            "generator": {"name": models.DCGANGenerator, "args": {"out_channels": 1}},
            "discriminator": {
                "name": models.AutoEncodingDiscriminator, "args": {"in_channels": 1, "embeddings": True}
            },
        },
        ("EnergyBasedGeneratorLoss", "EnergyBasedDiscriminatorLoss"),
    )  # fmt: skip
    given = batches(  # its loss takes as many real images as drawn ones, so an epoch's smaller last batch would end it
        prepared(load("mnist", "train").images, TORCHGAN_SIZE), TORCHGAN_BATCH, whole=True
    )

    def sample(n: int) -> Tensor:
        trainer.generator.eval()  # as where its trainer draws, at an epoch's end
        x = drawn(trainer.generator, noise(n, TORCHGAN_Z), TORCHGAN_BATCH)
        trainer.generator.train()
        return judged(x)

    return Contestant(
        lambda: play(next(given)[2]), sample, FOREVER, lambda images: judged(prepared(images, TORCHGAN_SIZE))
    )


# ---- Energan --------------------------------------------------------------------------------------------------------
def recipe(_: Path | None, seed: int, name: str, arguments: Mapping[str, Any]) -> Contestant:
    """A recipe with the settings that it has by default, as `energan train` plays it; its samples are the model's."""
    keep_memory()  # as the command line does
    experiment = build(name, seed=seed, device="cpu", **arguments)
    data = experiment.training_set()
    experiment = experiment.reading_as(data)
    if experiment.initialise:
        experiment.initialise(data)
    trainer = trainer_of(experiment, data)
    images = experiment.shown(data).images
    return Contestant(
        trainer.step,
        lambda n: cut(snapshot(trainer, images, experiment.batch).sample(n, seed=SAMPLING_SEED)),
        experiment.steps,
        lambda digits: digits,
    )


class Entry(NamedTuple):
    """label: in tables. flag: names the checkout; "": Energan's own. like: the recipe that a peer is held against."""

    label: str
    flag: str
    make: Callable[..., Contestant]  # (checkout, seed)
    like: str = ""


def _own(name: str, label: str) -> Entry:
    return Entry(label, "", partial(recipe, name=name, arguments={}))


PTG = "--pytorch-gan"
ENTRIES = {
    "ebgan-pt-mnist": _own("ebgan-pt-mnist", "`ebgan-pt-mnist`, the demo"),
    "pytorch-gan-dcgan": Entry("PyTorch-GAN, dcgan.py", PTG, partial(pytorch_gan, name="dcgan"), "lsgan-mnist"),
    "lsgan-mnist": _own("lsgan-mnist", "`lsgan-mnist`"),
    "pytorch-gan-wgan-gp": Entry(
        "PyTorch-GAN, wgan_gp.py", PTG, partial(pytorch_gan, name="wgan_gp"), "wgan-gp-mnist"
    ),
    "wgan-gp-mnist": _own("wgan-gp-mnist", "`wgan-gp-mnist`"),
    "pytorch-gan-ebgan": Entry("PyTorch-GAN, ebgan.py", PTG, partial(pytorch_gan, name="ebgan"), "ebgan-pt-mnist"),
    "hinge-mnist": _own("hinge-mnist", "`hinge-mnist`"),
    "torchgan-ebgan": Entry("torchgan, EBGAN", "--torchgan", torchgan_ebgan, "ebgan-pt-mnist"),
    "gan-mnist": _own("gan-mnist", "`gan-mnist`"),
}  # fmt: skip
