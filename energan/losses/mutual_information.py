"""A lower bound of the mutual information of codes and images.  Chen et al. 2016, InfoGAN, arXiv:1606.03657, eq. 5.

    L_I(G, Q) = E_{c, x = G(z, c)} log Q(c | x) + H(c)  <=  I(c; G(z, c))

Both are in nats, in float32 or wider, and higher is better: players descend their negatives.
"""

from math import log, pi

from jaxtyping import Float
from torch import Tensor

from energan.engine.precision import wide


def of_category(logits: Float[Tensor, "n k"], c: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """L_I of a code that is one of k categories, each as likely: E log Q(c | x) + log k.

    Args:
        logits: Q's, (n, k).
        c: The codes that the images were drawn with, one-hot, (n, k).

    Returns:
        (), at most log k, the entropy H(c); 0 where Q says no more than that all are as likely.

    >>> of_category(torch.zeros(1, 10), torch.eye(10)[:1])
    tensor(0.)
    """
    return (wide(logits).log_softmax(1) * c).sum(1).mean() + log(c.shape[1])


def of_numbers(
    mean: Float[Tensor, "n d"], log_sigma: Float[Tensor, "n d"], c: Float[Tensor, "n d"]
) -> Float[Tensor, ""]:
    """L_I of codes that are each ~ U(-1, 1), for a Gaussian Q: E log N(c; mean, sigma^2) + log 2, summed over codes.

    Args:
        mean: Of Q, (n, d).
        log_sigma: The logarithm of its standard deviation, (n, d).
        c: The codes that the images were drawn with, in [-1, 1], (n, d).

    Returns:
        (), without an upper bound: H(c) is that of a density. At sigma = 1 it is -0.226 or less for each code.

    >>> of_numbers(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))  # log 2 - log(2 pi) / 2
    tensor(-0.2258)
    """
    mean, log_sigma = wide(mean), wide(log_sigma)
    errors = ((c - mean) * (-log_sigma).exp()).square()
    each = log(2) - log_sigma - (log(2 * pi) + errors) / 2
    return each.sum(1).mean()
