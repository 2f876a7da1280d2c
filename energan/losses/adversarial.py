"""Probabilistic discriminators, from logits.  Goodfellow et al. 2014, arXiv:1406.2661; D(x) = sigmoid(l(x)).

    L_D = - log D(x) - log(1 - D(G(z)))            L_G = log(1 - D(G(z)))     minimax
                                                   L_G = - log D(G(z))        non-saturating

And critics, whose outputs are not probabilities. All losses are minimised; all are computed in float32 or wider.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from energan.engine.precision import wide


def probability(logits: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """D(x) = sigmoid(l(x)): the probability of being real.

    Args:
        logits: l(x), (n,), any numbers.

    Returns:
        D(x), (n,), in [0, 1].

    >>> probability(torch.tensor([0.0]))
    tensor([0.5000])
    """
    return wide(logits).sigmoid()


def discriminator(
    real: Float[Tensor, " n"], fake: Float[Tensor, " m"], smoothing: Tensor | float = 0.0
) -> Float[Tensor, ""]:
    """- E log D(x) - E log(1 - D(G(z))), eq. 1: the discriminator's cross-entropy.

    Args:
        real: l(x), (n,).
        fake: l(G(z)), (m,).
        smoothing: In [0, 1): the target of real samples is 1 - smoothing, of fakes 0. One-sided: Salimans et al. 2016,
            arXiv:1606.03498, section 3.4.

    Returns:
        The loss, (), at least 0.

    >>> discriminator(torch.zeros(2), torch.zeros(3))  # 2 log 2
    tensor(1.3863)
    """
    real, fake = wide(real), wide(fake)
    return (softplus(-real) + smoothing * real).mean() + softplus(fake).mean()


def matching_aware(
    right: Float[Tensor, " n"], wrong: Float[Tensor, " k"], fake: Float[Tensor, " m"]
) -> Float[Tensor, ""]:
    """- E log s_r - (E log(1 - s_w) + E log(1 - s_f)) / 2: GAN-CLS's D.  Reed et al. 2016, arXiv:1605.05396, alg. 1.

    Args:
        right: l of real images with their own words, (n,).
        wrong: l of real images with the words of others, (k,).
        fake: l of samples with the words that they were drawn for, (m,).

    Returns:
        The loss, (), at least 0.

    >>> matching_aware(torch.zeros(2), torch.zeros(3), torch.zeros(1))  # 2 log 2
    tensor(1.3863)
    """
    right, wrong, fake = wide(right), wide(wrong), wide(fake)
    return softplus(-right).mean() + (softplus(wrong).mean() + softplus(fake).mean()) / 2


def evidence(logits: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
    """log Z = log sum_k exp l_k(x): the logit of being real, where a fake is class K + 1, whose logit is 0.

    D(x) = Z / (Z + 1), so the losses here are a classifier's, too.  Salimans et al. 2016, arXiv:1606.03498, section 5.

    Args:
        logits: l_k(x), (n, K).

    Returns:
        log Z, (n,).

    >>> evidence(torch.zeros(1, 2))  # log 2
    tensor([0.6931])
    """
    return wide(logits).logsumexp(1)


def minimax(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E log(1 - D(G(z))), eq. 1: the generator's minimax loss; its gradient vanishes where D is sure.

    Args:
        fake: l(G(z)), (m,).

    Returns:
        The loss, (), at most 0.

    >>> minimax(torch.zeros(2))  # log 1/2
    tensor(-0.6931)
    """
    return -softplus(wide(fake)).mean()


def non_saturating(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """- E log D(G(z)), section 3: the same fixed point as minimax, with a gradient where D is sure.

    Args:
        fake: l(G(z)), (m,).

    Returns:
        The loss, (), at least 0.

    >>> non_saturating(torch.zeros(2))
    tensor(0.6931)
    """
    return softplus(-wide(fake)).mean()


def wasserstein(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E f(G(z)) - E f(x): minus the critic's estimate of the Wasserstein distance, for f that are 1-Lipschitz.

    Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, eq. 2 and 3.

    Args:
        real: f(x), (n,).
        fake: f(G(z)), (m,).

    Returns:
        What the critic minimises, ().

    >>> wasserstein(torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(-2.)
    """
    return wide(fake).mean() - wide(real).mean()


def critic_generator(fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """- E f(G(z)): the generator's loss beside `wasserstein` and `hinge_discriminator`.

    Args:
        fake: f(G(z)), (m,).

    Returns:
        The loss, ().

    >>> critic_generator(torch.tensor([1.0, 3.0]))
    tensor(-2.)
    """
    return -wide(fake).mean()


def hinge_discriminator(real: Float[Tensor, " n"], fake: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """E [1 - D(x)]+ + E [1 + D(G(z))]+.  Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, 1802.05957, eq. 16.

    Args:
        real: D(x), (n,), any numbers.
        fake: D(G(z)), (m,).

    Returns:
        The loss, (), at least 0.

    >>> hinge_discriminator(torch.tensor([2.0]), torch.tensor([0.5]))
    tensor(1.5000)
    """
    return (1 - wide(real)).relu().mean() + (1 + wide(fake)).relu().mean()


def least_squares_discriminator(
    real: Float[Tensor, " n"], fake: Float[Tensor, " m"], a: float = 0.0, b: float = 1.0
) -> Float[Tensor, ""]:
    """1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2.  Mao et al. 2016, arXiv:1611.04076, eq. 2; eq. 9 has a 0, b 1.

    Args:
        real: D(x), (n,), any numbers.
        fake: D(G(z)), (m,).
        a: The target of samples.
        b: The target of real images.

    Returns:
        The loss, (), at least 0.

    >>> least_squares_discriminator(torch.tensor([0.5]), torch.tensor([0.5]))
    tensor(0.2500)
    """
    return ((wide(real) - b).square().mean() + (wide(fake) - a).square().mean()) / 2


def least_squares_generator(fake: Float[Tensor, " m"], c: float = 1.0) -> Float[Tensor, ""]:
    """1/2 E (D(G(z)) - c)^2.  Mao et al. 2016, eq. 2; eq. 9 has c 1.

    Args:
        fake: D(G(z)), (m,).
        c: What G wants D to say of samples.

    Returns:
        The loss, (), at least 0.

    >>> least_squares_generator(torch.tensor([0.0]))
    tensor(0.5000)
    """
    return (wide(fake) - c).square().mean() / 2


def relativistic(real: Float[Tensor, " n"], fake: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """E softplus(-(D(x) - D(G(z)))): the discriminator's loss; the generator's is the same, arguments swapped.

    Huang et al. 2024, arXiv:2501.05441, eq. 2; Jolicoeur-Martineau 2018, arXiv:1807.00734.

    Args:
        real: D(x), (n,).
        fake: D(G(z)), (n,); the i-th is paired with real i.

    Returns:
        The loss, (), at least 0; log 2 where the two are equal.

    >>> relativistic(torch.zeros(2), torch.zeros(2))
    tensor(0.6931)
    """
    return softplus(wide(fake) - wide(real)).mean()
