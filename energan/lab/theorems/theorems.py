"""What the papers of GAN, f-GAN and EBGAN prove, beside what games played through the engine made of it."""

from energan.lab.figures import spread
from energan.lab.study import study
from energan.lab.theorems.atoms import discrete_bounds, learned_responses, lemma, play
from energan.lab.theorems.equilibria import equilibria
from energan.lab.theorems.line import FRESH, line_bounds, optimal_discriminator
from energan.lab.theorems.saddle import local_convergence
from energan.utils.checks import at_least, usable_seed

NOTES = (
    "p = (.10, .20, .30, .25, .15), q = (.30, .10, .20, .25, .15), m = 10. Learned and played values: mean ± standard "
    "deviation over seeds. Play: D by projected gradient (step .5), G by multiplicative weights (step .05, a gradient "
    "step on the logits with D as gradient); in turns, G answers D's new energies, at once, the old ones. D* for P = "
    "N(0, 1), Q = N(1, 4)."
)

FGAN_NOTES = (
    "F, integrated over both densities, is a lower bound whatever the critic; F of fresh samples carries their "
    f'sampling error, and may pass the exact value by it ({FRESH} samples of each kind and seed). "gan" is negative: '
    "its ratios are at least 1. Mean ± standard deviation over seeds."
)


def theorems(
    *, seeds: int = 5, steps: int = 1500, rounds: int = 20000, seed: int = 0, out: str = "", quiet: bool = False
) -> None:
    """What the papers of GAN, f-GAN and EBGAN prove, beside what is learned: values, best responses, equilibria.

    Args:
        seeds: Models of each kind: starts of D, of q and of the critics.
        steps: Training steps of each critic.
        rounds: Steps of play between q and D on five atoms.
        seed: The first of the seeds.
        out: The folder; lab/theorems by default. A study that was stopped there goes on.
        quiet: Show no progress.
    """
    at_least(2, seeds=seeds)
    at_least(1, steps=steps, rounds=rounds)
    usable_seed(seed)
    with study("theorems", {"seeds": seeds, "steps": steps, "rounds": rounds, "seed": seed}, out, quiet) as s:
        claims = (
            lemma(seed) + equilibria(seed) + learned_responses(s, seeds, steps, seed) + play(s, seeds, rounds, seed)
        )
        claims += discrete_bounds(s, seeds, steps, seed) + optimal_discriminator(s, seeds, steps, seed)
        claims += local_convergence()
        bounds_on_the_line = line_bounds(s, seeds, steps, seed)
        columns = ("claim", "exact", "measured", "tolerance", "agrees")
        s.table("Claims", columns, [claim.row() for claim in claims], NOTES)
        table = [
            [name, f"{exact:.4f}", spread(F, 4), spread(fresh, 4), spread(F / exact, 4), spread(fresh / exact, 4)]
            for name, exact, F, fresh in bounds_on_the_line
        ]
        heads = ("divergence", "exact", "F, integrated", "F of fresh samples", "integrated / exact", "fresh / exact")
        s.table("f-GAN: the learned bound of N(0, 1) and N(0.8, 1.1^2)", heads, table, FGAN_NOTES)
        records = [
            {"divergence": name, "exact": exact, "integrated": F.tolist(), "fresh": fresh.tolist()}
            for name, exact, F, fresh in bounds_on_the_line
        ]
        s.results({"claims": [claim.record() for claim in claims], "fgan": records})
