"""Energies of an auto-encoder and what EBGAN makes of them.  Zhao, Mathieu & LeCun 2016, arXiv:1609.03126.

    E(x) = ||Dec(Enc(x)) - x||                       eq. 13   (un-squared norm: appendix D, "other details")
    PT(S) = 1/(N(N-1)) sum_i sum_{j != i} (S_i^T S_j / ||S_i|| ||S_j||)^2     eq. 14

Energies are computed in float32 or wider, whatever the networks ran in.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from energan.engine.cross_rank import gathered
from energan.engine.precision import exact, wide

Kind = Literal["l2", "ssq", "mse"]


def energy(x: Float[Tensor, " n *d"], reconstruction: Float[Tensor, " n *d"], kind: Kind = "l2") -> Float[Tensor, " n"]:
    """E(x) = ||r - x||, eq. 13.

    The gradient flows through the reconstruction *and* through x: for G, x is G(z), target included.

    Args:
        x: Images, (n, *d).
        reconstruction: r = Dec(Enc(x)), (n, *d).
        kind: "l2" ||r - x|| (the paper), "ssq" ||r - x||^2, "mse" ||r - x||^2 / d.

    Returns:
        Energies, (n,), at least 0.

    Raises:
        ValueError: The shapes differ: a D that returns no (reconstruction, code) pair would be broadcast.

    >>> energy(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), "ssq")
    tensor([25.])
    """
    difference = _difference(x, reconstruction)
    if kind == "mse":
        return difference.square().mean(1)
    ssq = difference.square().sum(1)
    # the tiny constant: the norm's gradient is singular at 0
    return ssq if kind == "ssq" else (ssq + 1e-12).sqrt()


def absolute(x: Float[Tensor, " n *d"], reconstruction: Float[Tensor, " n *d"]) -> Float[Tensor, " n"]:
    """mean |r - x|: L of BEGAN, per pixel.  Berthelot et al. 2017, arXiv:1703.10717, eq. 1, eta = 1.

    The gradient flows through both.

    Args:
        x: Images, (n, *d).
        reconstruction: r, (n, *d).

    Returns:
        Losses, (n,), at least 0.

    Raises:
        ValueError: The shapes differ.

    >>> absolute(torch.zeros(1, 2), torch.tensor([[3.0, -4.0]]))
    tensor([3.5000])
    """
    return _difference(x, reconstruction).abs().mean(1)


def energy_map(
    x: Float[Tensor, "n c h w"], reconstruction: Float[Tensor, "n c h w"], kind: Kind = "l2"
) -> Float[Tensor, "n h w"]:
    """What each pixel adds to `energy`: the sum over its channels of (r - x)^2; of "mse" their mean.

    So E is the root of the map's sum for "l2", its sum for "ssq", and its mean for "mse".

    Args:
        x: Images, (n, c, h, w).
        reconstruction: r, (n, c, h, w).
        kind: As of `energy`.

    Returns:
        (n, h, w), at least 0.

    Raises:
        ValueError: The shapes differ.

    >>> energy_map(torch.zeros(1, 2, 1, 2), torch.tensor([[[[3.0, 1.0]], [[4.0, 0.0]]]]))
    tensor([[[25.,  1.]]])
    """
    squares = _difference(x, reconstruction).view(x.shape).square()
    return squares.mean(1) if kind == "mse" else squares.sum(1)


def absolute_map(x: Float[Tensor, "n c h w"], reconstruction: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
    """What each pixel adds to `absolute`, which is the mean of this map: the mean over its channels of |r - x|.

    Args:
        x: Images, (n, c, h, w).
        reconstruction: r, (n, c, h, w).

    Returns:
        (n, h, w), at least 0.

    Raises:
        ValueError: The shapes differ.

    >>> absolute_map(torch.zeros(1, 2, 1, 1), torch.tensor([[[[3.0]], [[-4.0]]]]))
    tensor([[[3.5000]]])
    """
    return _difference(x, reconstruction).view(x.shape).abs().mean(1)


def _difference(x: Tensor, reconstruction: Tensor) -> Tensor:
    """r - x, (n, d)."""
    if x.shape != reconstruction.shape:
        raise ValueError(f"a reconstruction of {tuple(x.shape)} cannot be {tuple(reconstruction.shape)}")
    return (wide(reconstruction) - wide(x)).flatten(1)


def convert_margin(margin: float, d: int, source: Kind, target: Kind) -> float:
    """The margin in another unit of energy, since ssq = l2^2 = d mse.

    Args:
        margin: At least 0.
        d: Numbers of an image.
        source: Unit of `margin`.
        target: Unit of the result.

    >>> convert_margin(10.0, 1024, "l2", "mse")
    0.09765625
    """
    l2 = {"l2": margin, "ssq": margin**0.5, "mse": (margin * d) ** 0.5}[source]
    return {"l2": l2, "ssq": l2**2, "mse": l2**2 / d}[target]


def hinge(margin: Tensor, energy: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """[m - E]+, eq. 1, per sample: the mean over the batch comes after, never before.

    Args:
        margin: m, ().
        energy: E, (n,).

    Returns:
        (n,), at least 0.

    >>> hinge(torch.tensor(10.0), torch.tensor([4.0, 12.0]))
    tensor([6., 0.])
    """
    return (margin - energy).relu()


def pulling_away(code: Float[Tensor, " n *d"]) -> Float[Tensor, ""]:
    """PT, eq. 14: the mean squared cosine between two codes of a batch.

    The sum of squared cosines is ||S S^T||_F^2 = ||S^T S||_F^2 less its diagonal: one product, of the smaller side.

    Args:
        code: S, (n, *d), flattened; where ranks synchronise, of all their codes.

    Returns:
        PT, (), in [0, 1]: 1 if all are parallel, 0 if orthogonal.

    Raises:
        ValueError: Fewer than 2 codes, which have no pairs.

    >>> pulling_away(torch.tensor([[1.0, 0.0], [-2.0, 0.0]]))
    tensor(1.)
    """
    s = gathered(wide(code).flatten(1))
    n = len(s)
    if n < 2:
        raise ValueError("pulling_away needs at least 2 codes: its sum runs over pairs")
    s = s / (s.square().sum(1, keepdim=True) + 1e-24).sqrt()
    with exact(s.device):
        gram = s @ s.T if n <= s.shape[1] else s.T @ s
    diagonal = s.square().sum(1).square().sum()  # n, unless a code is zero
    return (gram.square().sum() - diagonal) / (n * (n - 1))
