"""The unrolled GAN's small game, and its steps by hand."""

import torch
from small_games import POINTS, Small, on_points
from torch.func import functional_call

from energan.games.gan.unrolled import unrolled

SMALL = {"unrolled": Small(on_points(unrolled, steps=2), POINTS, bounded=False, images=False)}


def by_hand(G, D, x, z, optimizers, **_):
    """K = 2, with Adam's two steps written out."""

    def value(weights):
        real, fake = (torch.sigmoid(functional_call(D, weights, at)) for at in (x, G(z)))
        return real.log().mean() + (1 - fake).log().mean()

    def g():
        (group,), state = optimizers["D"].param_groups, optimizers["D"].state
        (one_, two), names = group["betas"], [k for k, _ in D.named_parameters()]
        weights = list(D.parameters())
        m, v = ([state.get(w, {}).get(k, torch.zeros_like(w)) for w in weights] for k in ("exp_avg", "exp_avg_sq"))
        count = int(state[weights[0]]["step"]) if state else 0
        for t in (count + 1, count + 2):
            up = torch.autograd.grad(value(dict(zip(names, weights, strict=True))), weights, create_graph=True)
            m = [one_ * a - (1 - one_) * u for a, u in zip(m, up, strict=True)]
            v = [two * a + (1 - two) * u**2 for a, u in zip(v, up, strict=True)]
            sized = [(a / (1 - two**t)).sqrt() + group["eps"] for a in v]
            steps = zip(weights, m, sized, strict=True)
            weights = [w - group["lr"] * a / (1 - one_**t) / s for w, a, s in steps]
        return value(dict(zip(names, weights, strict=True)))

    return {"both": {"D": lambda: -value(dict(D.named_parameters())), "G": g}}


BY_HAND = {"unrolled": by_hand}
