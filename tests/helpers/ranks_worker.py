"""What test_ranks.py has torchrun start: games in float64 on several ranks, each of which writes how it ends."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from energan.capabilities import reference
from energan.engine import Trainer, leaves, tree
from energan.engine.distributed import ALONE, Ranks, joined
from energan.engine.game import Batch, Game, Logs, Move, Players
from energan.engine.rng import seeded
from energan.games.critic_free.gmmn import gmmn
from energan.games.energy.began import began
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.games.gan.gan import gan
from energan.games.gan.variations import shared
from energan.games.gan.wgan_gp import wgan_gp
from energan.networks.layers import BatchNorm, Dropout, MinibatchDiscrimination
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.training.loop import train
from energan.utils.errors import UserError

ROWS, SIDE, Z, STEPS = 16, 4, 3, 4


def data(k: int) -> Mapping[str, Tensor]:
    """Batch k: 16 images of 4 x 4."""
    return {"x": torch.rand(ROWS, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(k)) * 2 - 1}


def generator(*, norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(Z, 8 * 4), nn.Unflatten(1, (8, 2, 2))]
    layers += [BatchNorm(8)] if norm else []
    return nn.Sequential(*layers, nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh())


def critic(*inner: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), *inner, nn.LeakyReLU(0.2), nn.LazyLinear(1), nn.Flatten(0))


class Codec(nn.Module):
    """An auto-encoder with batch norm: (reconstruction, code)."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), BatchNorm(6) if norm else nn.Identity())
        self.decoder = nn.Sequential(nn.ReLU(), nn.Linear(6, 16), nn.Unflatten(1, (1, SIDE, SIDE)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return self.decoder(code), code


def pull(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    value = (p.G(b.z).mean() - p.D(b.x)[1].square().mean()) * 0.1
    return value, {"value": value, "t": b.t}


def saddle() -> Game:
    """G descends and D ascends one objective, in one turn with another move of D."""
    game = ebgan(generator(norm=False), Codec(False), Z)
    moves = (*game.turns["D"], Move(pull, min=("G",), max=("D",)))
    return game._replace(turns={"both": moves}, order=lambda t: ("both",))


def materialised(net: nn.Module) -> nn.Module:
    net.eval()(torch.zeros(2, 1, SIDE, SIDE))
    return net


# games whose nets or terms learn something of the batch
BATCHED: dict[str, Callable[[], Game]] = {
    "gan": lambda: gan(generator(), materialised(critic(BatchNorm(24))), Z),
    "ebgan": lambda: ebgan(generator(), Codec(True), Z, margin=2.0),
    "ebgan-pt": lambda: ebgan_pt(generator(), Codec(True), Z, margin=2.0),
    "gan shared": lambda: shared(gan(generator(), materialised(critic(BatchNorm(24))), Z)),
    "minibatch": lambda: gan(generator(), materialised(critic(MinibatchDiscrimination(24, 3, 2))), Z),
    "gmmn": lambda: gmmn(generator(), Z),
}
# games that read each row by itself
ROWWISE: dict[str, Callable[[], Game]] = {
    "dropout": lambda: gan(generator(norm=False), materialised(critic(Dropout(0.5))), Z),
    "began": lambda: began(generator(norm=False), Codec(False), Z, rate=0.1),
    "saddle": saddle,
    "wgan-gp": lambda: wgan_gp(generator(norm=False), materialised(critic()), Z),
}


def made(name: str, *, microbatches: int = 1, ranks: Ranks = ALONE, sync_batch_stats: bool = False) -> Trainer:
    with seeded(1):
        game = {**BATCHED, **ROWWISE}[name]()
    return Trainer(
        game,
        data,
        seed=5,
        precision="fp64",
        ema={"G": 0.9},
        microbatches=microbatches,
        ranks=ranks,
        sync_batch_stats=sync_batch_stats,
    )


def played(one: Trainer, steps: int = STEPS) -> dict[str, Tensor]:
    """The state after so many steps, and the mean of the logs."""
    logs = [one.step() for _ in range(steps)]
    means = {f"log/{k}": torch.stack([log[k].double() for log in logs]).mean() for k in logs[0]}
    return {**{k: v.clone().contiguous() for k, v in leaves(one.state())}, **means}


def main(folder: Path) -> None:
    with joined() as ranks:
        end = f"{ranks.rank}.safetensors"
        for name in (*BATCHED, *ROWWISE):
            save_file(played(made(name, ranks=ranks, sync_batch_stats=True)), folder / f"{name}-{end}")
        for name in ("ebgan-pt", "dropout"):
            save_file(played(made(name, ranks=ranks)), folder / f"{name}-apart-{end}")
        save_file(played(made("dropout", ranks=ranks, microbatches=2)), folder / f"dropout-parts-{end}")
        one = made("ebgan-pt", ranks=ranks, sync_batch_stats=True)
        one.load(tree({k: v for k, v in load_file(folder / "start.safetensors").items() if not k.startswith("log/")}))
        save_file(played(one), folder / f"resumed-{end}")
        goes_on(folder / "run", ranks)
        said = [
            refused(made("dropout", ranks=ranks, microbatches=3).step),
            refused(lambda: ranks.agree(ranks.rank, "the images")),
        ]
        said += [refused(lambda: ranks.on_rank_zero(lambda: complain(ranks.rank == 0)))]
        said += [refused(lambda: ranks.rank_zero_first(lambda: complain(ranks.rank == 1)))]
        order = folder / "order"
        ranks.rank_zero_first(lambda: order.write_text((order.read_text() if order.exists() else "") + str(ranks.rank)))
        said += [order.read_text(), str(ranks.any(ranks.rank == 1)), str(ranks.any(False))]
        (folder / f"said-{ranks.rank}").write_text("\n".join(said))


def goes_on(folder: Path, ranks: Ranks) -> None:
    """From the folder's step 4 to step 8, where rank 0 measures a few images: others would wait if it asked them."""
    reference.MEASURED = 64
    run = rebuild(RunFolder(folder).record, steps=8)._replace(sync_batch_stats=True)
    assert train(run, RunFolder(folder), run.training_set(), quiet=True, ranks=ranks) == "finished"


def complain(really: bool) -> None:
    if really:
        raise UserError("the disk is full")


def refused(work: Callable[[], object]) -> str:
    try:
        work()
    except UserError as error:
        return str(error)
    return "nothing"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # as energan/__main__.py
