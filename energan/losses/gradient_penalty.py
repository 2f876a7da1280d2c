"""Penalties on a critic's gradient with respect to its input.

    WGAN-GP   E (||grad D(x^)||_2 - 1)^2,  x^ = eps x + (1 - eps) x~    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3
    R1, R2    E ||grad D(x)||_2^2, x real (R1) or fake (R2)             Mescheder et al. 2018, arXiv:1801.04406

A critic is a callable (n, *d) -> (n,) whose i-th output depends on its i-th input alone (no batch norm), such as p.D.
The penalties can be differentiated with respect to its weights. Norms are over all numbers of an example.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from energan.engine.precision import wide

Critic = Callable[[Tensor], Tensor]


def gradient(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, " n *d"]:
    """grad D(x_i) for every example, of x's shape and dtype; can be differentiated again."""
    return torch.func.grad(lambda x: wide(critic(x)).sum())(x)


def _squared_norms(critic: Critic, x: Tensor) -> Tensor:
    return wide(gradient(critic, x)).flatten(1).square().sum(1)


def gradient_norms(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, " n"]:
    """||grad D(x_i)||_2 per example, >= 1e-6: the tiny constant keeps the norm's own gradient finite at 0."""
    return (_squared_norms(critic, x) + 1e-12).sqrt()


def interpolate(
    real: Float[Tensor, " n *d"], fake: Float[Tensor, " n *d"], eps: Float[Tensor, " n *ones"]
) -> Float[Tensor, " n *d"]:
    """eps x + (1 - eps) x~, a point between each pair; eps holds one number in [0, 1] for each, (n,) or (n, 1, ...).

    ValueError unless both have the same shape and eps has n numbers: others would be broadcast.
    """
    if real.shape != fake.shape or eps.numel() != len(real):
        raise ValueError(
            f"cannot pair {tuple(real.shape)} with {tuple(fake.shape)} by {eps.numel()} numbers: one is needed for each"
        )
    eps = eps.reshape(-1, *[1] * (real.dim() - 1))
    return eps * real + (1 - eps) * fake


def wgan_gp(
    critic: Critic, real: Float[Tensor, " n *d"], fake: Float[Tensor, " n *d"], eps: Float[Tensor, " n *ones"]
) -> Float[Tensor, ""]:
    """E (||grad D(x^)||_2 - 1)^2; eps ~ U(0, 1), one per pair. The factor (the paper's 10) is the caller's."""
    return (gradient_norms(critic, interpolate(real, fake, eps)) - 1).square().mean()


def value_and_grad_norm(critic: Critic, x: Float[Tensor, " n *d"]) -> tuple[Float[Tensor, " n"], Float[Tensor, ""]]:
    """(D(x), E ||grad D(x)||_2^2) from one pass of the critic: what `zero_centred` gives, and what it was taken of."""
    found = torch.func.vjp(lambda x: wide(critic(x)), x)
    reading, pull = found[0], found[1]
    (slope,) = pull(torch.ones_like(reading))
    return reading, wide(slope).flatten(1).square().sum(1).mean()


def zero_centred(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, ""]:
    """E ||grad D(x)||_2^2: R1 of real examples, R2 of fakes. The factor (the papers' gamma / 2) is the caller's."""
    return value_and_grad_norm(critic, x)[1]
