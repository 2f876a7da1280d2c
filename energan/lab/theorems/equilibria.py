"""EBGAN's lemma 2 and theorem 2 (arXiv:1609.03126) on random densities of five atoms."""

import torch
from torch import Tensor

from energan.lab.theorems.atoms import M, best_response, value
from energan.lab.theorems.claims import Claim


def equilibria(seed: int, n: int = 500) -> list[Claim]:
    """Lemma 2, and both halves of theorem 2, on n random pairs of densities.

    No D outside of [0, m] is a best response, so none is looked at. U(q', D) = sum q'_k D_k is G's loss.
    """
    draws = torch.Generator().manual_seed(seed + 1)
    p, q = _densities(n, draws)
    gamma = M * torch.rand(n, 1, generator=draws, dtype=torch.float64)
    D = best_response(p, q)
    moved = (q * D).sum(1) - D.min(1).values  # what G gains by its best answer: all mass where D is least
    flat = gamma.expand(n, 5)
    better = [value(p, p, M * torch.rand(n, 5, generator=draws, dtype=torch.float64)) for _ in range(20)]
    uneven = M * torch.rand(n, 5, generator=draws, dtype=torch.float64)
    tempted = (p * uneven).sum(1) - uneven.min(1).values
    counted = f"exceptions of {n}"
    return [
        Claim(f"Lemma 2: p < q somewhere, unless p = q, {counted}", 0, (~(p < q).any(1)).sum().double(), 0),
        Claim(
            "Theorem 2: q = p, D constant: no D in [0, m]^5 lowers V, largest gain",
            0,
            (value(p, p, flat) - torch.stack(better)).abs().max(),
            1e-9,
        ),
        Claim(f"Theorem 2: q = p, D constant: U is the constant, {counted}", 0, _other((p * flat).sum(1), gamma), 0),
        Claim(
            "Theorem 2: q not p: what G gains against D* is m Q(p < q), largest error",
            0,
            (moved - M * (q * (p < q)).sum(1)).abs().max(),
            1e-9,
        ),
        Claim(f"Theorem 2: q not p: G gains against D*, {counted}", 0, (moved <= 0).sum().double(), 0),
        Claim(f"Theorem 2: q = p, D not constant: G gains, {counted}", 0, (tempted <= 0).sum().double(), 0),
    ]


def _densities(n: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    p, q = -torch.rand(2, n, 5, generator=draws, dtype=torch.float64).log()
    return p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)


def _other(a: Tensor, b: Tensor) -> Tensor:
    return ((a - b.flatten()).abs() > 1e-9).sum().double()
