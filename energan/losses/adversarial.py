"""Probabilistic discriminators, from logits.  Goodfellow et al. 2014, arXiv:1406.2661; D(x) = sigmoid(l(x)).

L_D = - log D(x) - log(1 - D(G(z)))            L_G = log(1 - D(G(z)))     minimax
                                               L_G = - log D(G(z))        non-saturating

and critics, whose outputs are not probabilities. All losses are minimised.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from energan.engine.precision import wide


def probability(logits: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """D(x) = sigmoid(l(x)), in float32 or wider."""
    return wide(logits).sigmoid()


def discriminator(
    real: Float[Tensor, " n"], fake: Float[Tensor, " m"], smoothing: Tensor | float = 0.0
) -> Float[Tensor, ""]:
    """Cross-entropy of the logits; the target of real samples is 1 - smoothing, of fakes 0.

    One-sided smoothing: Salimans et al. 2016, arXiv:1606.03498, section 3.4 (targets of fakes stay 0).
    """
    real, fake = wide(real), wide(fake)
    return (softplus(-real) + smoothing * real).mean() + softplus(fake).mean()


def evidence(logits: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
    """log Z = log sum_k exp l_k(x), the logit of being real: a fake is class K + 1, whose own logit is 0.

    D(x) = Z / (Z + 1), so the losses here are those of a classifier.  Salimans et al. 2016, section 5.
    """
    return wide(logits).logsumexp(1)


def minimax(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """log(1 - D(G(z))): vanishes where D is sure."""
    return -softplus(wide(fake)).mean()


def non_saturating(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """-log D(G(z)): the same fixed point, with a gradient where D is sure."""
    return softplus(-wide(fake)).mean()


def wasserstein(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E f(G(z)) - E f(x), what the critic minimises: minus its estimate of the distance.

    Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, eq. 2 and 3, for f that are 1-Lipschitz.
    """
    return wide(fake).mean() - wide(real).mean()


def critic_generator(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """-E f(G(z)): the generator's loss beside wasserstein and hinge_discriminator."""
    return -wide(fake).mean()


def hinge_discriminator(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E [1 - D(x)]+ + E [1 + D(G(z))]+.  Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957."""
    return (1 - wide(real)).relu().mean() + (1 + wide(fake)).relu().mean()


def least_squares_discriminator(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2.  Mao et al. 2016, arXiv:1611.04076, eq. 9 (a = 0, b = c = 1)."""
    return ((wide(real) - 1).square().mean() + wide(fake).square().mean()) / 2


def least_squares_generator(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """1/2 E (D(G(z)) - 1)^2."""
    return (wide(fake) - 1).square().mean() / 2


def relativistic(real: Float[Tensor, " n"], fake: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """E softplus(-(D(x) - D(G(z)))), real i paired with fake i; the generator's is the same, arguments swapped.

    Huang et al. 2024, arXiv:2501.05441, eq. 2; Jolicoeur-Martineau 2018, arXiv:1807.00734.
    """
    return softplus(wide(fake) - wide(real)).mean()
