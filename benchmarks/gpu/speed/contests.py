"""Peers' training steps at 64 x 64 on the GPU, against ours on their own networks.

DCGANs are read as benchmarks/peers_images.py does, R3GAN as r3gan.py does. Before a contest is timed, both sides are
held to the same gradients, on the CPU.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import cycle
from pathlib import Path

import torch

from benchmarks import peers_images
from benchmarks.gpu.speed import r3gan
from benchmarks.gpu.speed.jobs import Here, Job, Row, played, timed
from benchmarks.gpu.speed.turns import Player, cudnn_by_trial
from benchmarks.peer_parts import ROWS, commit, peer_step, pool
from benchmarks.peer_parts import Row as Layout
from energan.engine import Trainer
from energan.utils.errors import UserError

FOLDERS = {"PyTorch-GAN": "pytorch-gan", "torchgan": "torchgan"}  # name of the checkout -> its contest

SIDES = {  # of a DCGAN's contest: how it is played, and in which setting of ours
    "the peer, as published": (ROWS[0], ""),
    "the peer, channels-last and bf16": (ROWS[2], ""),
    "Energan, fp32": (ROWS[4], "eager"),
    "Energan, bf16": (ROWS[5], "eager"),
    "Energan, bf16, graph": (ROWS[5], "graph"),
}

AUTHORS = {  # of R3GAN's contest: whether with CUDA operators of its own; None: ours, in this setting
    "the authors' step, their operators for other devices": (False, ""),
    "Energan's r3gan": (None, "eager"),
    "Energan's r3gan, graph": (None, "graph"),
    "the authors' step, their CUDA operators": (True, ""),
}


def contests(folder: Path | None, device: str) -> list[Job]:
    """A contest with each peer; without a checkout its rows say so. UserError for a folder that is not there."""
    if folder is not None and not folder.is_dir():
        raise UserError(f"--peers {folder} is not a folder")
    made = [
        Job("peers", f"{name}'s DCGAN", tuple(SIDES), 12.0, partial(_dcgan, _checkout(folder, name), key))
        for name, key in FOLDERS.items()
    ]
    settings = tuple(name for name, (plugins, _) in AUTHORS.items() if device != "cpu" or not plugins)
    return [*made, Job("peers", "R3GAN", settings, 30.0, partial(_r3gan, _checkout(folder, "R3GAN"), settings))]


def _checkout(folder: Path | None, name: str) -> Path | None:
    return folder / name if folder is not None and (folder / name).is_dir() else None


def _there(folder: Path | None) -> Path:
    if folder is None:
        raise UserError("its checkout is not carried: --peers FOLDER has it by its name")
    return folder


def _small(here: Here) -> bool:
    return here.device.type == "cpu"


# ---- DCGANs ---------------------------------------------------------------------------------------------------------
def _dcgan(checkout: Path | None, key: str, here: Here) -> Iterator[Row]:
    folder, contest = _there(checkout), peers_images.CONTESTS[key]
    batch = 2 if _small(here) else 64
    peers_images.agreement(contest.load(folder, False, 4), contest.z)
    makers = {name: partial(_dcgan_player, folder, contest, *side, batch, here.device) for name, side in SIDES.items()}
    row = {"table": "peers", "what": f"{folder.name} {commit(folder)}", "batch": batch, "images": batch}
    yield from timed(row, makers, here)


def _dcgan_player(
    folder: Path, contest: peers_images.Contest, layout: Layout, setting: str, batch: int, device: torch.device
) -> Player:
    images = [x.to(device) for x in pool(layout, batch, peers_images.SHAPE)]
    peer = contest.load(folder, layout.channels_last, batch, device.type)
    if not layout.energan:
        return Player(peer_step((peer.G, peer.D), peer.step, layout, images))
    batches = cycle(images)
    precision = "bf16" if layout.bf16 else "fp32"
    one = Trainer(
        peers_images.game(peer, contest.z), lambda k: {"x": next(batches)}, precision=precision, device=device.type
    )
    return played(one, setting)._replace(weights=list)  # each side has its own


# ---- R3GAN ----------------------------------------------------------------------------------------------------------
def _r3gan(checkout: Path | None, settings: tuple[str, ...], here: Here) -> Iterator[Row]:
    folder = _there(checkout)
    r3gan.agreement(folder)
    batch = 2 if _small(here) else 64
    makers = {name: partial(_r3gan_player, folder, *AUTHORS[name], batch, here.device) for name in settings}
    row = {"table": "peers", "what": f"R3GAN {commit(folder)}, FFHQ-64", "batch": batch, "images": batch}
    with cudnn_by_trial(tf32=False):  # as they set it for their runs
        yield from timed(row, makers, here)


def _r3gan_player(folder: Path, plugins: bool | None, setting: str, batch: int, device: torch.device) -> Player:
    small = device.type == "cpu"
    if plugins and not r3gan.is_built():
        raise UserError("they are not compiled yet: python -m benchmarks.gpu.speed.r3gan CHECKOUT does so")
    authors = r3gan.load(folder, batch, device.type, plugins=bool(plugins), small=small)
    if plugins is not None:
        return Player(authors.step)
    images = authors.names["training_set_iterator"]

    def batches(k: int) -> Mapping[str, torch.Tensor]:
        return {"x": next(images)[0].to(torch.float32) / 127.5 - 1}  # as theirs fetches them

    one = Trainer(r3gan.game(authors), batches, ema={"G": 0.999}, device=device.type)
    return played(one, setting)._replace(weights=list)
