"""What a step of DGN-AM and of the PPGN family costs beside the loop that one would write by hand for it.

    python -m benchmarks.plug_and_play [--steps 30] [--only NAME] [--precision fp32|bf16] [--device cpu|cuda] [--json]

A step of the recipes' games by Trainer against the same step in plain PyTorch: their nets at their default
widths and settings, 32 images of 28 x 28, the thesis' encoder, frozen and not trained. Both sides start from the same
weights and see the same batches, codes and noise; a test holds them to the same updates under the same dropout, and to
the same rule of who rests. They step alternately (A B, B A, ...); the ratio is the median over the pairs. While these
last nobody rests, as a rule.

By hand: fused Adam; G(h) once for D's loss and its own; real and generated images in one pass of D, which is frozen
where G learns; the encoder no further than a loss reads it, and no graph of real images; torch's own dropout; the noisy
code once; who rests by plain `if`s, without a pass that only it would have needed. D sees generated images twice, as
in the engine: with one dropout where it learns, with another where G does.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from benchmarks.engine import alternate, batches, machine, table
from benchmarks.few_labels import waiting
from energan.engine import Trainer
from energan.engine.game import Game, Source
from energan.engine.optimizers import Optimizer
from energan.engine.rng import seeded
from energan.engine.state import DTYPES
from energan.networks.layers import Dropout, FeatureExtractor
from energan.recipes.build import build
from energan.utils.hardware import pick_device

BATCH, SHAPE, CODE = 32, (1, 28, 28), "h"


class Hand:
    """The nets, optimizers, data and random numbers of a loop by hand."""

    def __init__(self, game: Game, source: Source, precision: str, device: str) -> None:
        self.device, self.dtype = torch.device(device), DTYPES[precision]
        nets = {
            name: player.net.train(player.optimizer is not None)
            .to(self.device, self.dtype)
            .to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for name, player in game.players.items()
        }
        self.E: Any = nets["E"].release()
        self.nets: dict[str, nn.Module] = {name: nets[name] for name in ("G", "D", "R") if name in nets}
        if "D" in nets:
            _drop_by_torch(nets["D"].top)
        self.adam = {name: _adam(net, game.players[name].optimizer) for name, net in self.nets.items()}
        self.learn = (True, True)  # D, G
        self.hyperparameters, self.noise = game.hyperparameters, game.noise
        self.source, self.draws = source, 0
        self.generator = torch.Generator(self.device).manual_seed(0)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")

    def batch(self) -> tuple[Tensor, ...]:
        """x, any h, the game's noise; and a number drawn in vain, because the engine draws one for its dropout."""
        data = self.source(self.draws)
        self.draws += 1
        noise = [draw(self.generator, BATCH) for draw in self.noise.values()]
        torch.randint(2**31, (), generator=self.generator, device=self.device)
        return tuple(v.to(self.device, self.dtype, non_blocking=True) for v in (*data.values(), *noise))

    def backward(self, name: str, loss: Tensor) -> None:
        self.adam[name].zero_grad(set_to_none=True)
        loss.backward()


def _adam(net: nn.Module, optimizer: Optimizer | None) -> torch.optim.Optimizer:
    assert optimizer is not None
    settings = optimizer.settings()
    betas = (settings["beta1"], settings["beta2"])
    return torch.optim.Adam(
        net.parameters(), settings["lr"], betas, settings["eps"], settings["weight_decay"], fused=True
    )


def _drop_by_torch(layers: nn.Sequential) -> None:
    for i, layer in enumerate(layers):
        if isinstance(layer, Dropout):
            layers[i] = nn.Dropout(layer.rate)


def features(E: Any, x: Tensor) -> Tensor:
    """E_1(x), from which E.h makes the code."""
    return E.conv3(E.conv2(E.conv1(E.x(x))))


def half_square(x: Tensor, target: Tensor) -> Tensor:
    return mse_loss(x.to(target.dtype), target, reduction="sum") / (2 * len(target))


def rule(learn: tuple[bool, bool], r: float, numbers: Mapping[str, float]) -> tuple[bool, bool]:
    """Whether D and G learn in the next step."""
    D, G = learn
    if r < numbers["pause_D"]:
        return False, True
    if r > numbers["resume_D"]:
        D = True
    if r > numbers["pause_G"]:
        G = False
    return D, G


def invert(h: Hand, x: Tensor, code: Tensor, given: Tensor) -> None:
    """D and G from one point; `given` is what G gets for a code. The code has a loss where that is another."""
    D, G = h.nets["D"], h.nets["G"]
    D_learns, G_learns = h.learn
    D.requires_grad_(D_learns)
    G.requires_grad_(G_learns)
    with h.autocast:
        fake = G(given)
        real, unreal = D(torch.cat([x, fake.detach()])).to(x.dtype).chunk(2)
        fooled = softplus(-unreal).mean()
        told = softplus(-real).mean() + softplus(unreal).mean()
    if D_learns:
        h.backward("D", h.hyperparameters["adversarial"] * told)
    if G_learns:
        D.requires_grad_(False)
        with h.autocast:
            with torch.no_grad():
                h1 = features(h.E, x).to(x.dtype)
            found = features(h.E, fake)
            loss = h.hyperparameters["image"] * half_square(fake, x) + h.hyperparameters["feature"] * half_square(
                found, h1
            )
            loss = loss + h.hyperparameters["adversarial"] * softplus(-D(fake).to(x.dtype)).mean()
            if given is not code:
                loss = loss + h.hyperparameters["code"] * half_square(h.E.h(found), code)
        h.backward("G", loss)
        h.adam["G"].step()
    if D_learns:
        h.adam["D"].step()
    h.learn = rule(h.learn, float(told.detach() / fooled.detach()), h.hyperparameters)


def denoise(h: Hand, clean: Tensor, noise: Tensor) -> None:
    with h.autocast:
        loss = half_square(h.nets["R"](clean + noise), clean)
    h.backward("R", loss)
    h.adam["R"].step()


def dgn_am(h: Hand) -> None:
    x, code = h.batch()
    invert(h, x, code, code)


def ppgn_x(h: Hand) -> None:
    x, n_x = h.batch()
    denoise(h, x, h.hyperparameters["sigma_x"] * n_x)


def ppgn_h(h: Hand) -> None:
    x, code, n_h = h.batch()
    invert(h, x, code, code)
    denoise(h, code, h.hyperparameters["sigma_h"] * n_h)


def joint_ppgn_h(h: Hand) -> None:
    x, code, n_x, n_h1, n_h = h.batch()
    with h.autocast, torch.no_grad():
        h1 = features(h.E, torch.add(x, n_x, alpha=h.hyperparameters["sigma_x"]))
        noisy = h.E.h(torch.add(h1, n_h1, alpha=h.hyperparameters["sigma_h1"]))
        given = torch.add(noisy, n_h, alpha=h.hyperparameters["sigma_h"])
    invert(h, x, code, given)


class Row(NamedTuple):
    """The recipe that a game is of, and its step by hand."""

    recipe: str
    step: Callable[[Hand], None]


ROWS = {
    "dgn-am": Row("dgn-am-mnist", dgn_am),
    "ppgn-x": Row("ppgn-x-mnist", ppgn_x),
    "ppgn-h": Row("ppgn-h-mnist", ppgn_h),
    "joint-ppgn-h": Row("joint-ppgn-h-mnist", joint_ppgn_h),
    "noiseless-joint-ppgn-h": Row("noiseless-ppgn-h-mnist", dgn_am),
}


def game(name: str) -> Game:
    """The game on new nets, always from the same weights."""
    with seeded(0):
        return build(ROWS[name].recipe, data="digits", device="cpu").game


def coded(name: str, precision: str, device: str) -> Source:
    """Batches of noise, with the codes of its images where the game has them, on the device beforehand."""
    E, x = game(name).players["E"].net.to(device, DTYPES[precision]), batches(SHAPE, BATCH)
    assert isinstance(E, FeatureExtractor)
    kept = [{"x": x(k)["x"].to(device, DTYPES[precision])} for k in range(8)]
    if CODE in E.layers:
        with torch.no_grad():
            kept = [{**b, CODE: E(b["x"]).layers[CODE]} for b in kept]
    return lambda k: kept[k % 8]


def sides(name: str, precision: str, device: str) -> tuple[Trainer, Hand]:
    """The two that take the same steps."""
    source = coded(name, precision, device)
    return Trainer(game(name), source, precision=precision, device=device), Hand(game(name), source, precision, device)


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30, help="pairs of steps that are timed")
    parser.add_argument("--only", choices=tuple(ROWS), help="one game")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, or auto")
    parser.add_argument("--json", action="store_true", help="print JSON instead of markdown")
    args = parser.parse_args(arguments)
    device = pick_device(args.device)
    rows: list[dict[str, Any]] = []
    for name in [args.only] if args.only else ROWS:
        one, hand = sides(name, args.precision, device)
        by_hand = waiting(partial(ROWS[name].step, hand), device)
        ours, theirs, ratio = alternate(waiting(one.step, device), by_hand, args.steps)
        rows.append({"game": name, "precision": args.precision, "energan ms": ours, "by hand ms": theirs,
                     "energan / by hand": ratio})  # fmt: skip
        print(rows[-1], file=sys.stderr, flush=True)
    facts = {**machine(compile=False), "device": torch.cuda.get_device_name(device) if device != "cpu" else "cpu"}
    if args.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
    else:
        print(f"{', '.join(f'{k}: {v}' for k, v in facts.items())}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
