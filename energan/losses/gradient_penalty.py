"""Penalties on a critic's gradient with respect to its input.

    WGAN-GP   E (||grad D(x^)||_2 - 1)^2,  x^ = eps x + (1 - eps) x~    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3
    WGAN-LP   E [||grad D(x^)||_2 - 1]+^2, one-sided                    Petzka et al. 2018, arXiv:1709.08894
    DRAGAN    E (||grad D(x + delta)||_2 - 1)^2, around real x          Kodali et al. 2017, arXiv:1705.07215
    R1, R2    E ||grad D(x)||_2^2, x real (R1) or fake (R2)             Mescheder et al. 2018, arXiv:1801.04406

A critic is a callable (n, *d) -> (n,) whose i-th output depends on its i-th input alone (no batch norm), such as p.D.
The penalties can be differentiated with respect to its weights. Norms are over all numbers of an example. The examples
below are of critics whose gradient is known: that of x -> 3 x_1 + 4 x_2 has the norm 5.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from energan.engine.precision import wide

Critic = Callable[[Tensor], Tensor]


def gradient(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, " n *d"]:
    """grad D(x_i), of every example; can be differentiated again.

    Args:
        critic: D.
        x: Examples, (n, *d).

    Returns:
        Gradients, of x's shape and dtype.

    >>> gradient(lambda x: x.square().sum(1), torch.tensor([[1.0, 2.0]]))
    tensor([[2., 4.]])
    """
    return torch.func.grad(lambda x: wide(critic(x)).sum())(x)


def _squared_norms(critic: Critic, x: Tensor) -> Tensor:
    return wide(gradient(critic, x)).flatten(1).square().sum(1)


def gradient_norms(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, " n"]:
    """||grad D(x_i)||_2, of every example.

    Args:
        critic: D.
        x: Examples, (n, *d).

    Returns:
        Norms, (n,), at least 1e-6: a tiny constant keeps the norm's own gradient finite at 0.

    >>> gradient_norms(lambda x: 3 * x[:, 0] + 4 * x[:, 1], torch.zeros(1, 2))
    tensor([5.])
    """
    return (_squared_norms(critic, x) + 1e-12).sqrt()


def interpolate(
    real: Float[Tensor, " n *d"], fake: Float[Tensor, " n *d"], eps: Float[Tensor, " n *ones"]
) -> Float[Tensor, " n *d"]:
    """eps x + (1 - eps) x~: a point between each pair.

    Args:
        real: x, (n, *d).
        fake: x~, (n, *d).
        eps: One number in [0, 1] for each pair, (n,) or (n, 1, ...).

    Returns:
        Points, (n, *d).

    Raises:
        ValueError: The shapes differ, or eps has not n numbers: they would be broadcast.

    >>> interpolate(torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([0.25]))
    tensor([[0.2500]])
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
    """E (||grad D(x^)||_2 - 1)^2, eq. 3. The factor (the paper's 10) is the caller's.

    Args:
        critic: D.
        real: x, (n, *d).
        fake: x~, (n, *d).
        eps: ~ U(0, 1), one number for each pair, (n,) or (n, 1, ...).

    Returns:
        The penalty, (), at least 0.

    >>> x = torch.zeros(1, 2)
    >>> wgan_gp(lambda x: 3 * x[:, 0] + 4 * x[:, 1], x, x, torch.rand(1))
    tensor(16.)
    """
    return unit_norm(critic, interpolate(real, fake, eps))


def unit_norm(critic: Critic, x: Float[Tensor, " n *d"], *, one_sided: bool = False) -> Float[Tensor, ""]:
    """E (||grad D(x)||_2 - 1)^2, or E [||grad D(x)||_2 - 1]+^2 if one-sided: only what is steeper than 1 costs.

    Args:
        critic: D.
        x: Where its gradient is taken, (n, *d): between pairs (WGAN-GP, WGAN-LP), around real examples (DRAGAN).
        one_sided: Whether a gradient below 1 is free.

    Returns:
        The penalty, (), at least 0.

    >>> flat = lambda x: 0.25 * x[:, 0]
    >>> unit_norm(flat, torch.zeros(1, 2)), unit_norm(flat, torch.zeros(1, 2), one_sided=True)
    (tensor(0.5625), tensor(0.))
    """
    off = gradient_norms(critic, x) - 1
    return (off.relu() if one_sided else off).square().mean()


def value_and_grad_norm(critic: Critic, x: Float[Tensor, " n *d"]) -> tuple[Float[Tensor, " n"], Float[Tensor, ""]]:
    """(D(x), E ||grad D(x)||_2^2), from one pass of the critic.

    Args:
        critic: D.
        x: Examples, (n, *d).

    Returns:
        Outputs, (n,), and what `zero_centred` returns, ().

    >>> value_and_grad_norm(lambda x: 3 * x[:, 0] + 4 * x[:, 1], torch.ones(1, 2))
    (tensor([7.]), tensor(25.))
    """
    result = torch.func.vjp(lambda x: wide(critic(x)), x)
    output, pull = result[0], result[1]
    (gradient,) = pull(torch.ones_like(output))
    return output, wide(gradient).flatten(1).square().sum(1).mean()


def zero_centred(critic: Critic, x: Float[Tensor, " n *d"]) -> Float[Tensor, ""]:
    """E ||grad D(x)||_2^2: R1 of real examples, R2 of fakes. The factor (the papers' gamma / 2) is the caller's.

    Args:
        critic: D.
        x: Examples, (n, *d).

    Returns:
        The penalty, (), at least 0.

    >>> zero_centred(lambda x: 3 * x[:, 0] + 4 * x[:, 1], torch.zeros(1, 2))
    tensor(25.)
    """
    return value_and_grad_norm(critic, x)[1]
