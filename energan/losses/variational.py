"""The terms of a variational bound.  Kingma & Welling 2013, arXiv:1312.6114.

    log p(x) >= E_q log p(x|z) - KL(q(z|x) || p(z))          eq. 3;  p(z) = N(0, I),  q(z|x) = N(mu, sigma^2)

In nats, a number for each sample, computed in float32 or wider.
"""

from math import log, pi

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from energan.engine.precision import wide
from energan.losses.energy import energy


def kl_to_normal(mean: Float[Tensor, " n *d"], log_variance: Float[Tensor, " n *d"]) -> Float[Tensor, " n"]:
    """KL(N(mu, sigma^2) || N(0, I)) = 1/2 sum (mu^2 + sigma^2 - 1 - log sigma^2), appendix B.

    Args:
        mean: mu, (n, *d).
        log_variance: log sigma^2, (n, *d).

    Returns:
        (n,), at least 0, and 0 for N(0, I).

    Raises:
        ValueError: The shapes differ.

    >>> kl_to_normal(torch.tensor([[3.0, 0.0]]), torch.zeros(1, 2))
    tensor([4.5000])
    """
    if mean.shape != log_variance.shape:
        raise ValueError(f"means of {tuple(mean.shape)} cannot have variances of {tuple(log_variance.shape)}")
    m, v = wide(mean).flatten(1), wide(log_variance).flatten(1)
    return (m.square() + v.exp() - 1 - v).sum(1) / 2


def bernoulli(x: Float[Tensor, " n *d"], logits: Float[Tensor, " n *d"]) -> Float[Tensor, " n"]:
    """- log p(x|z) of pixels that are black or white, appendix C.1; of grey ones the mean over their roundings.

    A pixel of brightness p in [0, 1] counts as white with probability p: the loss is linear in it.

    Args:
        x: Images in [-1, 1], (n, *d).
        logits: Of a pixel's being white, (n, *d).

    Returns:
        (n,), at least 0, summed over pixels.

    Raises:
        ValueError: The shapes differ.

    >>> bernoulli(torch.ones(1, 2), torch.zeros(1, 2))  # 2 log 2
    tensor([1.3863])
    """
    if x.shape != logits.shape:
        raise ValueError(f"images of {tuple(x.shape)} cannot have logits of {tuple(logits.shape)}")
    white = ((wide(x) + 1) / 2).flatten(1)
    return binary_cross_entropy_with_logits(wide(logits).flatten(1), white, reduction="none").sum(1)


def gaussian(x: Float[Tensor, " n *d"], mean: Float[Tensor, " n *d"], sigma: Tensor | float) -> Float[Tensor, " n"]:
    """- log p(x|z) = |x - mean|^2 / (2 sigma^2) + d log(sigma sqrt(2 pi)), appendix C.2 with a fixed sigma.

    Args:
        x: Images in [-1, 1], (n, *d).
        mean: Of the pixels, (n, *d).
        sigma: Above 0, in the images' unit.

    Returns:
        (n,), of either sign, for it is a density's; summed over pixels.

    Raises:
        ValueError: The shapes differ.

    >>> gaussian(torch.zeros(1, 2), torch.ones(1, 2), 1.0)  # 1 + log(2 pi)
    tensor([2.8379])
    """
    pixels = x[0].numel()
    scale = sigma.log() if isinstance(sigma, Tensor) else log(sigma)
    return energy(mean, x, "ssq") / (2 * sigma**2) + pixels * (scale + log(2 * pi) / 2)
