"""What a step of the classifiers from few labels costs beside the loop by hand, and what five gain as one program.

    python -m benchmarks.few_labels [--steps 30] [--only step|many] [--precision fp32|bf16] [--device cpu|cuda] [--json]

step  a step of `ladder` (all costs, and the pixels' alone), `ebgan-ln` (while G plays, and afterwards) and
      `improved-gan-ssl` by Trainer against the same step in plain PyTorch, at the papers' sizes: 784 - 1000 -
      500 - 250 - 250 - 250 - 10, a batch of 100 labelled and 100 unlabelled images. Both sides start from the same
      weights and see the same batches; a test holds them to the same updates under the same noise.
many  a step of five models by Ensemble against five of Trainer stepped by a Python loop, in fp32 (Ensemble has no
      bf16). Times are of one model's step, gain is loop / many.

Sides step alternately (A B, B A, ...); ratios are medians over the pairs.

By hand. One would compare with the structure of the authors' own code (Theano; rinuboney/ladder in TensorFlow 1 has the
same): labelled and unlabelled rows in one pass of the corrupted encoder, normalised apart, a clean pass, the decoder
over unlabelled rows. abhiskk/ladder, in PyTorch 0.1, makes a pass of each kind of rows and holds its targets constant.
None of them runs today, and the last does not make the same updates, so that structure is written anew, for speed:
  - kinds of rows lie side by side, (n, kinds, width): a layer is one product, and one torch batch norm of kinds x width
    channels; EBGAN-LN's generated rows are one more kind of D's pass
  - the clean path is of unlabelled rows alone, and not there at all where only pixels are reconstructed; a cost is the
    distance before normalisation, divided by the variance: z_l - z^'_l = (before_l - z^_l) / sigma_l
  - fused Adam, only the noise that a turn needs, drawn layer by layer, no graph of G where D learns, D frozen where G
    does, weight normalisation by torch's kernel and once a turn, no logits where G matches features
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, cross_entropy, linear, one_hot, relu, softplus

from benchmarks.engine import alternate, batches, machine, table
from energan.engine import Ensemble, Trainer
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.engine.state import DTYPES
from energan.games import GAMES
from energan.games.semi_supervised.ladder import weights
from energan.networks.dense import improved_gan as improved_nets
from energan.networks.dense import mlp
from energan.networks.dense.ladder import Ladder
from energan.networks.layers import WeightNorm
from energan.utils.hardware import pick_device

SHAPE, HIDDEN, CLASSES, BATCH = (1, 28, 28), (1000, 500, 250, 250, 250), 10, 100
Z, UNITS_LN, UNITS_IMPROVED = 100, 800, 500  # of G: its noise, its hidden layers
SIGMA, MARGIN, SWITCH, WEIGHT, EPSILON = 0.3, 16.0, 60000, 1000 / 784, 1e-10
NOISE = (0.3, 0.5)  # in improved GAN's D: of its input, of its layers


class Rungs(NamedTuple):
    """A ladder's weights, from the pixels up; those of its combinators (10, width) each."""

    up: list[Tensor]
    down: list[Tensor]
    beta: list[Tensor]
    a: list[Tensor]
    gamma: Tensor | None


class Hand:
    """The nets, optimizers, data and random numbers of a loop by hand. Nets hold weights; a ladder's is not called."""

    def __init__(self, game: Game, source: Source, precision: str, device: str) -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        nets = {name: player.net.to(self.device, self.dtype) for name, player in game.players.items()}
        self.D, self.G = nets["D"], nets.get("G", nn.Identity())
        self.adam = {name: _adam(net, game.players[name].optimizer) for name, net in nets.items()}
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")
        self.generator = torch.Generator(self.device).manual_seed(0)
        self.source, self.draws, self.t = source, 0, 0
        self.w = _rungs(self.D) if isinstance(self.D, Ladder) else None

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """x, y, u: another for every turn."""
        data = self.source(self.draws)
        self.draws += 1
        x, y, u = (data[key].to(self.device, self.dtype, non_blocking=True) for key in "xyu")
        return x, y, u

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device, dtype=dtype or self.dtype)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device, dtype=self.dtype)

    def descend(self, name: str, loss: Tensor) -> None:
        self.adam[name].zero_grad(set_to_none=True)
        loss.backward()
        self.adam[name].step()


def _adam(net: nn.Module, settings: Any) -> torch.optim.Optimizer:
    assert isinstance(settings, Adam)
    betas = (settings.beta1, settings.beta2)
    return torch.optim.Adam(net.parameters(), lr=settings.lr, betas=betas, eps=settings.eps, fused=True)


def _rungs(D: Ladder) -> Rungs:
    def tensors(layers: nn.ModuleList, name: str) -> list[Tensor]:
        return [layer.get_parameter(name) for layer in layers]

    return Rungs(tensors(D.up, "weight"), tensors(D.down, "weight"), list(D.beta), tensors(D.combinators, "a"), D.gamma)


# ---- the ladder; rows are (n, kinds, width) ----


def pixels(*kinds: Tensor) -> Tensor:
    return (torch.stack(kinds, 1).flatten(2) + 1) / 2


def normalised(x: Tensor) -> Tensor:
    return batch_norm(x.flatten(1), None, None, training=True, eps=EPSILON).view_as(x)


def corrupted(h: Hand, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """z~_0 to z~_L, and logits."""
    assert h.w is not None
    n, kinds, width = x.shape
    z = [torch.add(x, h.normal(n, kinds, width), alpha=SIGMA)]
    below = z[0]
    for weight, beta in zip(h.w.up, h.w.beta, strict=True):
        y = normalised(linear(below, weight).to(x.dtype))
        z.append(torch.add(y, h.normal(n, kinds, len(weight)), alpha=SIGMA))
        top = z[-1] + beta
        below = top.relu()
    return z, top if h.w.gamma is None else top * h.w.gamma


def clean(h: Hand, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of layers 1 to L: W_l h_{l-1}, and 1 / sigma_l."""
    assert h.w is not None
    for weight, beta in zip(h.w.up, h.w.beta, strict=True):
        before = linear(x, weight).to(beta.dtype)
        centred = before - before.mean(0)
        scale = (centred.square().mean(0) + EPSILON).rsqrt()
        yield before, scale
        x = torch.addcmul(beta, centred, scale).relu()


def combine(a: Tensor, z: Tensor, u: Tensor) -> Tensor:
    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = a.unbind()
    mu = torch.addcmul(torch.addcmul(a5, a4, u), a1, torch.addcmul(a3, a2, u).sigmoid())
    v = torch.addcmul(torch.addcmul(a10, a9, u), a6, torch.addcmul(a8, a7, u).sigmoid())
    return torch.lerp(mu, z, v)


def decoded(h: Hand, z: Sequence[Tensor], logits: Tensor) -> list[Tensor]:
    """z^_0 to z^_L; z and logits are of the rows that are reconstructed alone."""
    assert h.w is not None
    u, estimates = logits.softmax(2), []
    for level in reversed(range(len(z))):
        estimates.append(combine(h.w.a[level], z[level], normalised(u)))
        if level:
            u = linear(estimates[-1], h.w.down[level - 1]).to(z[0].dtype)
    return estimates[::-1]


def ladder(h: Hand, costs: str) -> None:
    lambdas = weights(costs, len(HIDDEN) + 2)
    x, y, u = h.batch()
    with h.autocast:
        rows = pixels(x, u)
        z, logits = corrupted(h, rows)
        estimates = decoded(h, [level[:, 1:] for level in z], logits[:, 1:])
        loss = cross_entropy(logits[:, 0], y) + lambdas[0] * (rows[:, 1:] - estimates[0]).square().mean()
        if any(lambdas[1:]):
            targets = clean(h, rows[:, 1:])
            for weight, estimate, (before, scale) in zip(lambdas[1:], estimates[1:], targets, strict=True):
                loss = loss + weight * ((before - estimate) * scale).square().mean()
    h.descend("D", loss)
    h.t += 1


def energies(h: Hand, rows: Tensor, z: Sequence[Tensor], logits: Tensor) -> Tensor:
    """||x^ - x||^2 of each row, (n, kinds)."""
    return (rows - decoded(h, z, logits)[0]).square().sum(2)


def ebgan_ln(h: Hand) -> None:
    playing = h.t < SWITCH
    h.D.requires_grad_(True)
    x, y, u = h.batch()
    with h.autocast:
        kinds = [x, u]
        if playing:
            with torch.no_grad():
                kinds.append(h.G(h.normal(len(x), Z)))
        rows = pixels(*kinds)
        z, logits = corrupted(h, rows)
        energy = energies(h, rows[:, 1:], [level[:, 1:] for level in z], logits[:, 1:])
        loss = energy[:, 0].mean()
        if playing:
            loss = loss + relu(MARGIN * (1 - h.t / SWITCH) - energy[:, 1]).mean()
        loss = cross_entropy(logits[:, 0], y) + WEIGHT * loss
    h.descend("D", loss)
    h.t += 1
    if not playing:
        return
    h.D.requires_grad_(False)
    x, _, _ = h.batch()
    with h.autocast:
        rows = pixels(h.G(h.normal(len(x), Z)).to(x.dtype))
        loss = energies(h, rows, *corrupted(h, rows)).mean()
    h.descend("G", loss)


# ---- improved GAN ----


class Layer(NamedTuple):
    weight: Tensor
    bias: Tensor | None


def layers(D: nn.Module, top: bool) -> list[Layer]:
    """The weights of D's layers, normalised; without the last one unless it is needed."""
    normed = [layer for layer in D.modules() if isinstance(layer, WeightNorm)]
    return [
        Layer(torch._weight_norm(m.direction, (m.gain.detach() if m.fixed_gain else m.gain)[:, None], 0), m.bias)
        for m in normed[: None if top else -1]
    ]


def passed(h: Hand, read: Sequence[Layer], x: Tensor) -> Tensor:
    """Through these layers of D, with noise in front of each and ReLU in between: its last one's, or its features."""
    y = (x.flatten(1) + 1) / 2
    for i, (weight, bias) in enumerate(read):
        y = y.relu() if i else y
        y = linear(torch.add(y, h.normal(*y.shape, dtype=y.dtype), alpha=NOISE[i > 0]), weight, bias)
    return y


def improved_gan(h: Hand) -> None:
    h.D.requires_grad_(True)
    x, y, u = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = h.G(h.uniform(len(x), Z))
        rows = torch.cat([x, u, fake])
        labelled, *others = passed(h, layers(h.D, top=True), rows).to(x.dtype).split(len(x))
        real, unreal = (logits.logsumexp(1) for logits in others)
        loss = cross_entropy(labelled, y) + (softplus(-real).mean() + softplus(unreal).mean()) / 2
    h.descend("D", loss)
    h.D.requires_grad_(False)
    _, _, u = h.batch()
    with h.autocast:
        read = layers(h.D, top=False)
        fake = h.G(h.uniform(len(u), Z))
        real, unreal = (passed(h, read, rows).relu().to(u.dtype).mean(0) for rows in (u, fake))
    h.descend("G", (real - unreal).square().mean())
    h.t += 1


# ---- the rows ----


def _of_ladder() -> dict[str, nn.Module]:
    return {"D": Ladder((prod(SHAPE), *HIDDEN, CLASSES))}


def _of_ebgan_ln() -> dict[str, nn.Module]:
    return {
        "G": mlp.Generator(Z, SHAPE, layers=3, size=UNITS_LN),
        "D": Ladder((prod(SHAPE), *HIDDEN, CLASSES), gain=False),
    }


def _of_improved_gan() -> dict[str, nn.Module]:
    return {
        "G": improved_nets.Generator(Z, SHAPE, hidden=(UNITS_IMPROVED, UNITS_IMPROVED)),
        "D": improved_nets.Discriminator((prod(SHAPE), *HIDDEN, CLASSES)),
    }


class Row(NamedTuple):
    """A game of energan.games, its nets and settings, and its step by hand."""

    game: str
    nets: Callable[[], dict[str, nn.Module]]
    step: Callable[[Hand], None]
    settings: Mapping[str, Any] = MappingProxyType({})
    start: int = 0  # the step t at which the loops begin


ROWS = {
    "ladder, all costs": Row("ladder", _of_ladder, partial(ladder, costs="full"), {"costs": "full"}),
    "ladder, bottom": Row("ladder", _of_ladder, partial(ladder, costs="bottom"), {"costs": "bottom"}),
    "ebgan-ln": Row("ebgan-ln", _of_ebgan_ln, ebgan_ln),
    "ebgan-ln, without G": Row("ebgan-ln", _of_ebgan_ln, ebgan_ln, start=SWITCH),
    "improved-gan-ssl": Row("improved-gan-ssl", _of_improved_gan, improved_gan),
}
MANY = ("ladder, all costs", "ladder, bottom", "ebgan-ln")


def game(name: str, seed: int = 0) -> Game:
    """The row's game on new nets; a seed's are always the same."""
    row = ROWS[name]
    with seeded(seed):
        nets = row.nets()
    return GAMES[row.game](**nets, **({"z": Z} if "G" in nets else {}), **row.settings)


def labelled_batches(seed: int, device: str) -> Source:
    """{"x", "y", "u"}, on the device beforehand; images of noise have labels at random."""
    x, u = batches(SHAPE, BATCH, 2 * seed), batches(SHAPE, BATCH, 2 * seed + 1)
    labels = torch.randint(CLASSES, (BATCH,), generator=torch.Generator().manual_seed(seed))
    y = one_hot(labels, CLASSES).float()
    kept = [{k: v.to(device) for k, v in (("x", x(i)["x"]), ("y", y), ("u", u(i)["x"]))} for i in range(8)]
    return lambda k: kept[k % 8]


def sides(name: str, precision: str, device: str) -> tuple[Trainer, Hand]:
    """The two that take the same steps."""
    source = labelled_batches(0, device)
    one = Trainer(game(name), source, precision=precision, device=device)
    hand = Hand(game(name), source, precision, device)
    one.t = hand.t = ROWS[name].start
    return one, hand


def waiting(step: Callable[[], object], device: str) -> Callable[[], None]:
    """The step, over when the device is done with it."""

    def whole() -> None:
        step()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    return whole


def single(steps: int, precision: str, device: str) -> Iterator[dict[str, Any]]:
    for name, row in ROWS.items():
        one, hand = sides(name, precision, device)
        ours, theirs, ratio = alternate(waiting(one.step, device), waiting(partial(row.step, hand), device), steps)
        yield {"what": "step", "system": name, "precision": precision, "energan ms": ours, "by hand ms": theirs,
               "energan / by hand": ratio}  # fmt: skip


def together(steps: int, models: int, device: str) -> Iterator[dict[str, Any]]:
    for name in MANY:
        games = [game(name, i) for _ in range(2) for i in range(models)]
        sources = [labelled_batches(i, device) for i in range(models)]
        many = Ensemble(games[:models], sources, seeds=range(models), device=device)
        ones = [Trainer(g, sources[i], seed=i, device=device) for i, g in enumerate(games[models:])]

        def loop(ones: list[Trainer] = ones) -> None:
            for one in ones:
                one.step()

        loop_ms, many_ms, gain = alternate(waiting(loop, device), waiting(many.step, device), steps)
        yield {"what": "many", "system": name, "models": models, "loop ms a model": loop_ms / models,
               "many ms a model": many_ms / models, "gain": gain}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30, help="pairs of steps that are timed")
    parser.add_argument("--only", choices=("step", "many"), help="one half of the benchmark")
    parser.add_argument("--models", type=int, default=5, help="how many are trained as one program")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of the half `step`")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, or auto")
    parser.add_argument("--json", action="store_true", help="print JSON instead of markdown")
    args = parser.parse_args(arguments)
    device = pick_device(args.device)
    halves = {
        "step": partial(single, args.steps, args.precision, device),
        "many": partial(together, args.steps, args.models, device),
    }
    rows: list[dict[str, Any]] = []
    for half in [args.only] if args.only else halves:
        for row in halves[half]():
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    facts = {**machine(compile=False), "device": torch.cuda.get_device_name(device) if device != "cpu" else "cpu"}
    if args.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
        return
    print(", ".join(f"{k}: {v}" for k, v in facts.items()))
    for what in halves:
        if chosen := [row for row in rows if row["what"] == what]:
            print(f"\n{table(chosen)}")


if __name__ == "__main__":
    main()
