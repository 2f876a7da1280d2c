"""DeePSiM's losses besides the adversarial one.  Dosovitskiy & Brox 2016, arXiv:1602.02644; the rule of who rests is
that of KamitaniLab/End2EndDeepImageReconstruction, whose training is derived from PPGN's.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from energan.losses.energy import energy


def half_square(x: Float[Tensor, " n *d"], target: Float[Tensor, " n *d"]) -> Float[Tensor, ""]:
    """1/2 E ||x - target||^2: Caffe's Euclidean loss.

    Args:
        x: Images, features or codes, (n, *d).
        target: As many, (n, *d).

    Returns:
        The loss, (), at least 0: summed over a sample, averaged over samples.

    >>> half_square(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor(12.5000)
    """
    return energy(target, x, "ssq").mean() / 2


def pause_rule(
    on: Float[Tensor, "2"],
    r: Float[Tensor, ""],
    pause_D: Tensor | float = 0.1,
    resume_D: Tensor | float = 0.5,
    pause_G: Tensor | float = 10.0,
) -> Float[Tensor, "2"]:
    """Who learns next.

    D rests from r < pause_D until r > resume_D. G rests from r > pause_G until r < pause_D, when D begins to: the
    authors let G go on only where D changes, and D learns while G rests. So never both rest.

    Args:
        on: Who learns now: D and G, 1 or 0 each, (2,).
        r: D's loss over G's adversarial loss, ().
        pause_D: As above; below resume_D.
        resume_D: As above.
        pause_G: As above; above pause_D.

    Returns:
        D and G, 1 or 0 each, (2,).

    >>> pause_rule(torch.ones(2), torch.tensor(0.05))
    tensor([0., 1.])
    """
    on_D = torch.where(r < pause_D, 0.0, torch.where(r > resume_D, 1.0, on[0]))
    on_G = torch.where(r > pause_G, 0.0, torch.where(r < pause_D, 1.0, on[1]))
    return torch.stack([on_D, on_G])
