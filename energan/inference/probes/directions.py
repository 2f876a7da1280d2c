"""Directions of noise along which a generator's first layer changes most.

    factorised      the eigenvectors of A^T A, A the weight of the first layer: Shen & Zhou 2020, arXiv:2007.06600
    principal       the principal components of activations, brought back to the noise by least squares:
                    Haerkoenen et al. 2020, arXiv:2004.02546, section 2.2:  u = argmin sum |x_j u - (z_j - mean z)|^2,
                    x_j the component's coordinate of the j-th noise

Each is a unit vector whose greatest number is positive: a direction has no sign of its own.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Directions(NamedTuple):
    """Directions of noise, the strongest first.

    Attributes:
        vectors: One unit vector a row.
        shares: The share of all change that each one has: of the squared weights, or of the variance of activations.
    """

    vectors: Float[Tensor, "k d"]
    shares: Float[Tensor, " k"]


def factorised(weight: Float[Tensor, "m d"], k: int) -> Directions:
    """The k directions that the linear layer stretches most.

    >>> found = factorised(torch.tensor([[0.0, 2.0], [1.0, 0.0]]), 2)
    >>> found.vectors.abs().round().tolist(), found.shares.tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [0.800000011920929, 0.20000000298023224])
    """
    used = weight.abs().amax(0) > 0  # planes of noise enter later layers only, and there may be thousands
    A = weight[:, used].double()
    values, vectors = torch.linalg.eigh(A.T @ A)
    found = torch.zeros(min(k, A.shape[1]), weight.shape[1], dtype=torch.float64, device=weight.device)
    found[:, used] = vectors.flip(1)[:, :k].T
    shares = values.flip(0)[:k].clamp(min=0) / values.clamp(min=0).sum().clamp(min=1e-300)
    return Directions(signed(found).to(weight.dtype), shares.to(weight.dtype))


def principal(activations: Float[Tensor, "n m"], noise: Float[Tensor, "n d"], k: int) -> Directions:
    """The k directions of noise that move along the first principal components of its activations.

    Fewer where the activations span fewer.
    """
    Y, Z = (x.double() - x.double().mean(0) for x in (activations, noise))
    narrow = Y.shape[1] <= Y.shape[0]
    values, vectors = torch.linalg.eigh(Y.T @ Y if narrow else Y @ Y.T)
    values, vectors = values.flip(0)[:k].clamp(min=0), vectors.flip(1)[:, :k]
    X = Y @ vectors if narrow else vectors * values.sqrt()  # the components' coordinates, orthogonal to each other
    there = values > 1e-12 * values[:1].clamp(min=1e-300)
    U = (X[:, there].T @ Z) / values[there, None]
    lengths = U.norm(dim=1)
    kept = lengths > 1e-12
    shares = values[there][kept] / Y.square().sum().clamp(min=1e-300)
    return Directions(signed(U[kept] / lengths[kept, None]).to(noise.dtype), shares.to(noise.dtype))


def signed(vectors: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    """The vectors, turned about where their greatest number is negative.

    >>> signed(torch.tensor([[0.6, -0.8]])).tolist()
    [[-0.6000000238418579, 0.800000011920929]]
    """
    greatest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return torch.where(greatest < 0, -vectors, vectors)
