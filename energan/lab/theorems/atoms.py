"""The theory of EBGAN on five atoms (arXiv:1609.03126, section 2.2), and f-GAN's bound there: exact, played, learned.

    V(q, D) = sum p D + q [m - D]+     D minimises        U(q, D) = sum q D     G minimises

p are the data's probabilities, q the generator's, D >= 0 the energies, m the margin.
"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.engine import Ensemble
from energan.engine.game import Batch, Clip, Game, Logs, Move, Player, Players
from energan.engine.optimizers import SGD, Adam, linear_decay
from energan.lab.figures import FAKE, REAL, animate, panels, save
from energan.lab.study import Observations, Study
from energan.lab.theorems.claims import Claim
from energan.losses.energy import hinge
from energan.losses.f_divergence import DIVERGENCES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = torch.tensor([0.10, 0.20, 0.30, 0.25, 0.15], dtype=torch.float64)

Q = torch.tensor([0.30, 0.10, 0.20, 0.25, 0.15], dtype=torch.float64)

M = 10.0


class Table(nn.Module):
    """A number for each atom: the whole of a player on a finite set."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values.clone())

    def forward(self) -> Tensor:
        return self.values


def pushed(margin: Tensor | float, D: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
    """[m - D]+ of energies of any shape."""
    margins = torch.as_tensor(margin, dtype=D.dtype).expand_as(D)
    return hinge(margins.flatten(), D.flatten()).view_as(D)


def value(
    p: Float[Tensor, "*n k"], q: Float[Tensor, "*n k"], D: Float[Tensor, "*n k"], margin: Tensor | float = M
) -> Float[Tensor, "*n"]:
    """V(q, D) = sum_k p_k D_k + q_k [m - D_k]+."""
    return (p * D + q * pushed(margin, D)).sum(-1)


def best_response(p: Float[Tensor, "*n k"], q: Float[Tensor, "*n k"], margin: float = M) -> Float[Tensor, "*n k"]:
    """D* = m 1[p < q]."""
    return margin * (p < q).to(p.dtype)


def total_variation(p: Float[Tensor, "*n k"], q: Float[Tensor, "*n k"]) -> Float[Tensor, "*n"]:
    """TV = sum |p - q| / 2, in [0, 1]."""
    return (p - q).abs().sum(-1) / 2


def bounds(p: Float[Tensor, " k"], q: Float[Tensor, " k"], V: Float[Tensor, "rows k"]) -> Float[Tensor, " rows"]:
    """F of every row of DIVERGENCES, whose critic is a row of V."""
    rows = zip(DIVERGENCES.values(), V, strict=True)
    return torch.stack([(p * row.activation(v) - q * row.composed(v)).sum() for row, v in rows])


def lemma(seed: int) -> list[Claim]:
    """Lemma 1 and the best response, by search over grids."""
    draws = torch.Generator().manual_seed(seed)
    a, b, m = 10 * torch.rand(3, 500, 1, generator=draws, dtype=torch.float64)
    y = 3 * m * torch.linspace(0, 1, 3001, dtype=torch.float64)  # holds 0 and m
    least, at = (a * y + b * pushed(m, y)).min(1, keepdim=True)
    wrong = (y.gather(1, at) - m * (a < b)).abs() > 1e-9
    grid = torch.linspace(0, 2 * M, 401, dtype=torch.float64)[:, None]
    searched = (P * grid + Q * pushed(M, grid)).min(0).values.sum()
    below = M * torch.rand(1000, 5, generator=draws, dtype=torch.float64)
    above = below.clone()
    above[torch.arange(1000), torch.randint(5, (1000,), generator=draws)] += M
    excess = value(P, P, above) - M - (P * (above - M).relu()).sum(1)
    best = best_response(P, Q)
    return [
        Claim(
            "Lemma 1: min of a y + b [m - y]+ is m min(a, b), largest error of 500",
            0,
            (least - m * torch.min(a, b)).max(),
            1e-9,
        ),
        Claim("Lemma 1: its argmin is m if a < b, else 0, exceptions of 500", 0, wrong.sum().double(), 0),
        Claim("best response: TV(p, q)", 0.2, total_variation(P, Q), 1e-9),
        Claim("best response: V at D* = m 1[p < q] is m (1 - TV)", 8, value(P, Q, best), 1e-9),
        Claim("best response: V by search over D in [0, 20]^5", 8, searched, 1e-9),
        Claim("best response: U at D*", 3, (Q * best).sum(), 1e-9),
        Claim(
            "q = p: V is m for every D in [0, m]^5, largest error of 1000",
            0,
            (value(P, P, below) - M).abs().max(),
            1e-9,
        ),
        Claim("q = p: V at D = 12", 12, value(P, P, torch.full_like(P, 12)), 1e-9),
        Claim("q = p: V is above m by what D has above m, largest error of 1000", 0, excess.abs().max(), 1e-9),
    ]


def descent(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    return value(b.p, b.q, p.D(), b.margin), {}


def responses(seeds: int, steps: int, seed: int) -> Ensemble:
    """D by projected gradient descent from anywhere in [0, 2m]^5: against q (the first half), and against q = p."""

    def game(i: int) -> Game:
        D = 2 * M * torch.rand(5, generator=torch.Generator().manual_seed(seed + i), dtype=torch.float64)
        player = Player(Table(D), SGD(1.0, schedule=linear_decay(0, steps)), Clip(0, 2 * M))
        move = Move(descent, min=("D",))
        return Game({"D": player}, {"D": (move,)}, lambda t: ("D",), {}, {"margin": M}, lambda p, b: p.D())

    sources = [lambda k, q=q: {"p": P, "q": q} for q in (Q, P) for _ in range(seeds)]
    return Ensemble([game(i) for i in range(2 * seeds)], sources, seeds=range(2 * seeds), precision="fp64")


def learned_responses(s: Study, seeds: int, steps: int, seed: int) -> list[Claim]:
    def watch(many: Ensemble) -> Observations:
        return {"D": many.state()["weights"]["D"]["values"]}

    observed = s.trial("best-response", lambda: responses(seeds, steps, seed), watch, steps=steps)
    against_q, against_p = observed["D"][-1].split(seeds)
    decided = P != Q  # elsewhere any energy in [0, m] is as good
    error = (against_q - best_response(P, Q))[:, decided].abs().amax(1)
    return [
        Claim("best response, learned: V", 8, value(P, Q, against_q), 0.01),
        Claim("best response, learned: largest error of D where p is not q", 0, error, 0.05),
        Claim("best response, learned: U of the atoms where p is not q", 3, (Q * against_q)[:, decided].sum(1), 0.02),
        Claim("q = p, learned from any D in [0, 2m]^5: V", M, value(P, P, against_p), 0.01),
    ]


def moves_at_once(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """The sum of what three players descend, each with the others fixed; one backward pass gives all their gradients.

    D      V on [0, m], where its projection holds it and [m - D]+ is m - D
    G      <logits, D>: a gradient step on it is multiplicative weights, q exp(-step D) / sum
    mean   makes itself the average of all (q, D) so far, in steps of size 1

    in_turns 1: G answers D's next step, as in games whose turns alternate; 0: both move from the same point.
    """
    D, q = p.D(), p.G().detach().softmax(0)
    after = p.stepped(D={"values": b.p - q}).D()
    faced = (D + b.in_turns * (after - D)).detach()
    apart = p.mean() - torch.stack([q, D.detach()])
    of_D = (b.p * D + q * (M - D)).sum()
    return of_D + (p.G() * faced).sum() + apart.square().sum() / 2 / (b.t + 1), {}


def contest(seeds: int, seed: int) -> Ensemble:
    """D by projected gradient (step .5), G by multiplicative weights (.05); the first half of the models move at once,
    the second in turns. The first of each starts from the worked example's q and D = m/2, the others anywhere."""

    def game(i: int, in_turns: float) -> Game:
        draws = torch.Generator().manual_seed(seed + i)
        q = torch.rand(5, generator=draws, dtype=torch.float64) + 0.1 if i else Q
        D = M * torch.rand(5, generator=draws, dtype=torch.float64) if i else torch.full_like(P, M / 2)
        players = {
            "D": Player(Table(D), SGD(0.5), Clip(0, M)),
            "G": Player(Table((q / q.sum()).log()), SGD(0.05)),
            "mean": Player(Table(torch.zeros(2, 5, dtype=torch.float64)), SGD(1.0)),
        }
        move = Move(moves_at_once, min=("D", "G", "mean"))
        return Game(
            players, {"all": (move,)}, lambda t: ("all",), {}, {"in_turns": in_turns}, lambda p, b: p.G().softmax(0)
        )

    games = [game(i, in_turns) for in_turns in (0.0, 1.0) for i in range(seeds)]
    return Ensemble(games, [lambda k: {"p": P}] * len(games), seeds=range(len(games)), precision="fp64")


def positions(many: Ensemble) -> Observations:
    weights = {name: tree["values"] for name, tree in many.state()["weights"].items()}
    return {"q": weights["G"].softmax(1), "D": weights["D"], "mean": weights["mean"]}


def play(s: Study, seeds: int, rounds: int, seed: int) -> list[Claim]:
    """Theorems 1 and 2, and why one must average: play cycles around the equilibrium that it averages to."""
    observed = s.trial("play", lambda: contest(seeds, seed), positions, steps=rounds, looks=min(rounds, 400))
    short = min(rounds, 400)
    cycle = s.trial("cycle", lambda: contest(1, seed), positions, steps=short, looks=min(short, 50))
    save(draw_play(observed), s.folder / "play.png")
    animate(lambda i: draw_cycle(cycle, i), len(cycle["step"]), s.folder / "cycle.gif", seconds=0.12)
    q, D, (mean_q, mean_D) = observed["q"][-1], observed["D"][-1], observed["mean"][-1].unbind(1)
    apart, averaged, flatness = total_variation(P, q), total_variation(P, mean_q), mean_D.amax(1) - mean_D.amin(1)
    at_once, turns, first = slice(seeds), slice(seeds, None), slice(seeds, seeds + 1)
    best = value(P, mean_q, best_response(P, mean_q))
    return [
        Claim("in turns, averages, from the example's start: TV(p, q)", 0, averaged[first], 1e-4),
        Claim("in turns, averages, from the example's start: D's mean", 5, mean_D[first].mean(), 0.01),
        Claim("in turns, last iterate, from the example's start: V", 9.9, value(P, q, D)[first], 0.05),
        Claim("in turns, averages: TV(p, q)", 0, averaged[turns], 1e-3),
        Claim("in turns, averages: V at D*", M, best[turns], 0.02),
        Claim("in turns, averages: range of D over the atoms", 0, flatness[turns], 0.02),
        Claim("at once, averages: TV(p, q)", 0, averaged[at_once], 5e-3),
        Claim("at once, averages: V at D*", M, best[at_once], 0.05),
        Claim("at once, averages: range of D over the atoms", 0, flatness[at_once], 0.02),
        Claim("in turns, last iterate: TV(p, q) does not vanish", 1, (apart[turns] > 0.05).double().mean(), 0),
        Claim("at once, last iterate: TV(p, q) does not vanish", 1, (apart[at_once] > 0.05).double().mean(), 0),
    ]


def discrete_bounds(s: Study, seeds: int, steps: int, seed: int) -> list[Claim]:
    """F of all nine divergences, ascended by nine tables V at once."""

    def ascent(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return bounds(b.p, b.q, p.V()).sum(), {}

    def game(i: int) -> Game:
        V = torch.randn(len(DIVERGENCES), 5, generator=torch.Generator().manual_seed(seed + i), dtype=torch.float64)
        player = Player(Table(V), Adam(0.05, schedule=linear_decay(steps // 2, steps)))
        return Game({"V": player}, {"V": (Move(ascent, max=("V",)),)}, lambda t: ("V",), {}, {}, lambda p, b: p.V())

    def build() -> Ensemble:
        return Ensemble([game(i) for i in range(seeds)], [lambda k: {"p": P, "q": Q}] * seeds, seeds=range(seeds),
                    precision="fp64")  # fmt: skip

    def watch(many: Ensemble) -> Observations:
        return {"F": torch.stack([bounds(P, Q, V) for V in many.state()["weights"]["V"]["values"]])}

    F = s.trial("fgan-atoms", build, watch, steps=steps)["F"][-1]
    exact = {name: float((Q * row.f(P / Q)).sum()) for name, row in DIVERGENCES.items()}
    return [Claim(f"F on five atoms: {name}", exact[name], F[:, i], 1e-3) for i, name in enumerate(exact)]


def draw_play(observed: Observations) -> "Figure":
    """How far the last iterate and the average of all are from p."""
    figure, (left, right) = panels(1, 2, 4.6, 3.4)
    half = observed["q"].shape[1] // 2
    right.sharey(left)
    for axes, start, title in ((left, 0, "both move at once"), (right, half, "in turns")):
        for values, colour, label in (
            (observed["q"], FAKE, "last iterate"),
            (observed["mean"][:, :, 0], REAL, "time average"),
        ):
            tv = total_variation(P, values[1:, start : start + half])
            axes.plot(observed["step"][1:], tv[:, 0], color=colour, lw=1, label=f"{label}, the example's start")
            axes.fill_between(
                observed["step"][1:], tv.amin(1), tv.amax(1), color=colour, alpha=0.2, lw=0, label="all starts"
            )
        axes.set(xscale="log", yscale="log", xlabel="step", ylabel="TV(p, q)", title=title)
        axes.legend(fontsize=7, loc="lower left")
    return figure


def draw_cycle(observed: Observations, i: int) -> "Figure":
    """q, D and where they have been, until look i."""
    figure, axes = panels(2, 3, 3.0, 2.6)
    for model, name in enumerate(("at once", "in turns")):
        of_q, of_D, orbit = axes[3 * model : 3 * model + 3]
        q, D, mean = observed["q"][: i + 1, model], observed["D"][: i + 1, model], observed["mean"][: i + 1, model]
        atoms = range(1, 6)
        of_q.bar(atoms, q[-1].tolist(), color=FAKE, alpha=0.8, label="q")
        of_q.step([0.5, *[k + 0.5 for k in atoms]], [float(P[0]), *P.tolist()], color=REAL, lw=2, label="p")
        of_q.set(ylim=(0, 0.6), ylabel=name, title=f"q, step {int(observed['step'][i])}")
        of_q.legend(fontsize=7, loc="upper right", ncols=2)
        of_D.bar(atoms, D[-1].tolist(), color="0.5")
        of_D.set(ylim=(0, M), title="energies D")
        orbit.plot(q[:, 0], D[:, 0], color=FAKE, lw=0.8)
        orbit.plot(q[-1:, 0], D[-1:, 0], "o", color=FAKE, ms=5, label="now")
        orbit.plot(mean[1:, 0, 0], mean[1:, 1, 0], color=REAL, lw=1.5, label="time average")
        orbit.axvline(float(P[0]), color="0.7", lw=0.8, zorder=0)
        orbit.set(xlim=(0, 0.45), ylim=(0, M), xlabel="q of atom 1", ylabel="D of atom 1", title="orbit")
        orbit.legend(fontsize=7, loc="upper right")
    return figure
