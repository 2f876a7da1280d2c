"""What DeePSiM's generators are trained by, besides an adversary.  Dosovitskiy & Brox 2016, arXiv:1602.02644; the rule
of who rests as KamitaniLab/End2EndDeepImageReconstruction's training has it, which is made of PPGN's.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from energan.losses.energy import energy


def half_square(x: Float[Tensor, " n *d"], target: Float[Tensor, " n *d"]) -> Float[Tensor, ""]:
    """1/2 ||x - target||^2, summed over a sample, averaged over samples: Caffe's Euclidean loss."""
    return energy(target, x, "ssq").mean() / 2


def pause_rule(
    on: Float[Tensor, "2"],
    r: Float[Tensor, ""],
    pause_D: Tensor | float = 0.1,
    resume_D: Tensor | float = 0.5,
    pause_G: Tensor | float = 10.0,
) -> Float[Tensor, "2"]:
    """Who is to learn next, D and G, 1 or 0 each; on: who learns now; r: D's loss over G's adversarial loss.

    D rests from r < pause_D until r > resume_D. G rests from r > pause_G until r < pause_D, when D begins to: the
    authors let G go on only where D changes, and D learns while G rests. So never both rest.
    """
    on_D = torch.where(r < pause_D, 0.0, torch.where(r > resume_D, 1.0, on[0]))
    on_G = torch.where(r > pause_G, 0.0, torch.where(r < pause_D, 1.0, on[1]))
    return torch.stack([on_D, on_G])
