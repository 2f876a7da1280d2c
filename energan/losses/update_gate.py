"""Who learns in a step, by how sure D is: the rule of VAE/GAN's authors, andersbll/autoencoding_beyond_pixels."""

import torch
from jaxtyping import Float
from torch import Tensor


def update_gate(
    real: Float[Tensor, ""], fake: Float[Tensor, ""], margin: Tensor | float = 0.35, equilibrium: float = 0.68
) -> Float[Tensor, "2"]:
    """Whether D learns, and whether its opponent does.

    D rests where one of its costs is below equilibrium - margin, the other player where one is above equilibrium +
    margin; where both would rest, both learn. Nothing is remembered from step to step.

    Args:
        real: D's mean cost of real samples, - log D(x), ().
        fake: Of generated ones, - log(1 - D(G(z))), ().
        margin: As above.
        equilibrium: As above; near log 2, the cost of a D that cannot tell them apart.

    Returns:
        D and the other player, 1 or 0 each, (2,).

    >>> update_gate(torch.tensor(0.3), torch.tensor(0.6))  # D is sure of real samples
    tensor([0., 1.])
    """
    sure = torch.minimum(real, fake) < equilibrium - margin
    unsure = torch.maximum(real, fake) > equilibrium + margin
    both = sure & unsure
    return torch.stack([~sure | both, ~unsure | both]).to(real.dtype)
