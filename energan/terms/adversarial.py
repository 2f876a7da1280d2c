"""Probabilistic discriminators, from logits.  Goodfellow et al. 2014, arXiv:1406.2661; D(x) = sigmoid(l(x)).

L_D = - log D(x) - log(1 - D(G(z)))            L_G = log(1 - D(G(z)))     minimax
                                               L_G = - log D(G(z))        non-saturating
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus


def _wide(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def probability(logits: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """D(x) = sigmoid(l(x)), in float32 or wider."""
    return _wide(logits).sigmoid()


def discriminator(
    real: Float[Tensor, " n"], fake: Float[Tensor, " m"], smoothing: Tensor | float = 0.0
) -> Float[Tensor, ""]:
    """Cross-entropy of the logits; the target of real samples is 1 - smoothing, of fakes 0.

    One-sided smoothing: Salimans et al. 2016, arXiv:1606.03498, section 3.4 (targets of fakes stay 0).
    """
    real, fake = _wide(real), _wide(fake)
    return (softplus(-real) + smoothing * real).mean() + softplus(fake).mean()


def minimax(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """log(1 - D(G(z))): vanishes where D is sure."""
    return -softplus(_wide(fake)).mean()


def non_saturating(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """-log D(G(z)): the same fixed point, with a gradient where D is sure."""
    return softplus(-_wide(fake)).mean()
