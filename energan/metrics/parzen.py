"""Parzen-window log-likelihood, as Goodfellow et al. 2014 report it."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from energan.metrics.checks import check_pair
from energan.metrics.neighbours import QUERIES, _squared_distances
from energan.utils.errors import UserError

SIGMAS = tuple(10 ** (i / 9 - 1) for i in range(10))  # ten values, equal ratios, 0.1 to 1

VALIDATION = 1000  # images that the window's width is chosen on


def parzen_log_likelihood(
    samples: Float[Tensor, "m d"], test: Float[Tensor, "n d"], sigma: float
) -> tuple[float, float]:
    """Mean log-density of test rows under Gaussian windows on the samples, and its standard error.

        log p(x) = logmeanexp_j(-|x - s_j|^2 / (2 sigma^2)) - d ln(sigma sqrt(2 pi))

    The procedure of Breuleux, Bengio & Vincent 2011 and Goodfellow et al. 2014, arXiv:1406.2661, section 5.
    A density depends on the scale: in [-1, 1] MNIST scores 784 ln 2 = 543 nats less than in [0, 1].  Biased downwards
    for few samples, and only weakly tied to their looks (Theis, van den Oord & Bethge 2016, arXiv:1511.01844).

    Args:
        samples: generated rows (m, d), pixels in [0, 1]; 10,000 in the papers.
        test: test rows (n, d).
        sigma: the windows' width.

    Returns:
        (mean, standard error) in nats.

    Raises:
        UserError: for sigma <= 0, fewer than 2 test rows, no samples, different widths, or NaN.

    Example:
        >>> mean, error = parzen_log_likelihood(torch.zeros(1, 1), torch.zeros(2, 1), sigma=1.0)
        >>> round(mean, 4), error  # ln N(0; 0, 1)
        (-0.9189, 0.0)
    """
    check_pair(samples, test, ("the samples", "the test set"))
    if len(test) < 2:
        raise UserError("the test set needs at least 2 rows, for the standard error")
    values = _log_densities(samples, test, [sigma])[0]
    return float(values.mean()), float(values.std()) / math.sqrt(len(test))


def parzen_sigma(
    samples: Float[Tensor, "m d"], validation: Float[Tensor, "n d"], sigmas: Sequence[float] = SIGMAS
) -> float:
    """The window width under which validation rows (not the test's!) are likeliest.

    Args:
        samples: generated rows (m, d).
        validation: rows (n, d) to choose on.
        sigmas: the widths to choose from.

    Returns:
        One of `sigmas`.

    Raises:
        UserError: for no widths or one <= 0, no samples, different widths of rows, or NaN.

    Example:
        >>> parzen_sigma(torch.zeros(1, 1), torch.tensor([[0.5], [-0.5]]), [0.1, 0.5, 1.0])
        0.5
    """
    check_pair(samples, validation, ("the samples", "the validation set"))
    if not sigmas:
        raise UserError("there are no window widths to choose from: give at least one")
    return sigmas[int(_log_densities(samples, validation, sigmas).mean(1).argmax())]


def parzen(
    samples: Float[Tensor, " m *d"], validation: Float[Tensor, " v *d"], test: Float[Tensor, " n *d"]
) -> tuple[float, float, float]:
    """The published procedure whole: Parzen-window log-likelihood with a width chosen on validation images.

    Sigma is the likeliest of ten, 0.1 to 1 in equal ratios, on the first 1,000 validation images.  The published
    numbers have 10,000 samples and MNIST's 10,000 test images, its last 10,000 training images being for validation:
    225 +- 2 for the GAN of Goodfellow et al. 2014.

    Args:
        samples: generated images or rows, float pixels in [0, 1].
        validation: images for the width.
        test: images to measure on.

    Returns:
        (mean log-likelihood of the test images, its standard error, sigma), in nats.

    Raises:
        UserError: for pixels outside of [0, 1], fewer than 2 test images, an empty set, different sizes, or NaN.

    Example:
        >>> rows = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
        >>> mean, error, sigma = parzen(rows[:10], rows[10:20], rows[20:])
        >>> sigma in SIGMAS
        True
    """
    sets = {"samples": samples.flatten(1), "validation set": validation.flatten(1), "test set": test.flatten(1)}
    for what, rows in sets.items():
        if len(rows) and not (rows.is_floating_point() and bool(((rows >= 0) & (rows <= 1)).all())):
            raise UserError(f"the {what} must have float pixels in [0, 1]: a likelihood depends on the scale")
    fake, held_out, real = sets.values()
    sigma = parzen_sigma(fake, held_out[:VALIDATION])
    return *parzen_log_likelihood(fake, real, sigma), sigma


def _log_densities(
    samples: Float[Tensor, "m d"], rows: Float[Tensor, "n d"], sigmas: Sequence[float]
) -> Float[Tensor, "s n"]:
    if wrong := [sigma for sigma in sigmas if not 0 < sigma < math.inf]:
        raise UserError(f"a window's width must be a positive number, not {wrong[0]}")
    widths = torch.tensor(sigmas, dtype=torch.float64)[:, None]
    parts = []
    for queries in torch.split(rows, QUERIES):
        total = torch.full((len(sigmas), len(queries)), -math.inf, dtype=torch.float64)
        for _, squares in _squared_distances(queries, samples):
            for total_of_one, sigma in zip(total, sigmas, strict=True):  # in place: one block alive at a time
                block = torch.logsumexp(squares / (-2 * sigma**2), 1)
                torch.logaddexp(total_of_one, block, out=total_of_one)
        parts.append(total)
    normaliser = math.log(len(samples)) + samples.shape[1] * (widths.log() + math.log(2 * math.pi) / 2)
    return torch.cat(parts, 1) - normaliser
