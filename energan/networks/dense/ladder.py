"""The ladder network: a classifier that denoises every one of its layers.  Rasmus et al. 2015, arXiv:1507.02672.

    corrupted   z~_0 = h~_0 = x + n_0,  z~_l = BN(W_l h~_{l-1}) + n_l,  h~_l = relu(z~_l + beta_l)
    clean       the same without noise: z_l; mu_l, sigma_l are the batch's statistics of its W_l h_{l-1}
    logits      gamma (z~_L + beta_L); of the clean path for use
    decoder     u_L = BN(softmax(corrupted logits)),  u_l = BN(V_{l+1} z^_{l+1}),  z^_l = g_l(z~_l, u_l)
    costs       C_l = ||z_l - z^'_l||^2 / width_l,  z^'_l = (z^_l - mu_l) / sqrt(sigma_l^2 + 1e-10),  z^'_0 = z^_0

BN divides by sqrt(var + 1e-10) and has no parameters. Labelled and unlabelled rows are normalised apart; decoder and
costs are of the unlabelled ones. As in the authors' code the gradient flows through z_l, mu_l and sigma_l as well.
Costs are in float32 or wider, and per row: an EBGAN whose D is a ladder takes its hinge on them.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from energan.engine.precision import wide
from energan.networks.layers import BatchNorm
from energan.networks.layers.initialisation import fill
from energan.networks.layers.ladder_combinators import COMBINATORS, Combination
from energan.utils.errors import UserError
from energan.utils.specification import recorded

EPSILON = 1e-10

Moments = tuple[Tensor, Tensor]  # mu, sigma^2 of a layer

SIZES = (784, 1000, 500, 250, 250, 250, 10)  # the paper's, for permutation-invariant MNIST


class Denoised(NamedTuple):
    logits: Float[Tensor, "labelled classes"]  # of the corrupted path
    costs: tuple[Float[Tensor, " unlabelled"], ...]  # C_0 (pixels) upwards, of each row; () without unlabelled rows


@recorded
class Ladder(nn.Module):
    """Images or rows of sizes[0] numbers in [-1, 1], flattened here and taken to [0, 1] -> logits of sizes[-1] classes.

    sizes       of x, of every hidden layer, of the classes
    combinator  g: the paper's "gaussian"; "sigmoid"; "amlp". Each layer has its own
    gain        gamma, of the logits only (ReLU makes it redundant below); without it as in EBGAN-LN

    UserError for fewer than two sizes, and for an unknown combinator.
    """

    def __init__(
        self, sizes: Sequence[int] = SIZES, *, combinator: Combination = "gaussian", gain: bool = True
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise UserError(f"a ladder needs the sizes of its input and its classes at least, got {tuple(sizes)}")
        if combinator not in COMBINATORS:
            raise UserError(f"there is no combinator {combinator!r}; there are {', '.join(COMBINATORS)}")
        self.sizes = tuple(sizes)
        self.cost_layers = tuple(range(len(sizes)))  # the layers whose costs a pass gives
        pairs = list(itertools.pairwise(sizes))
        self.up = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairs)  # W_1 to W_L
        self.down = nn.ModuleList(nn.Linear(b, a, bias=False) for a, b in pairs)  # V_1 to V_L
        self.norms = nn.ModuleList(_bare(BatchNorm(b)) for _, b in pairs)  # of the clean path in use
        self.beta = nn.ParameterList(torch.zeros(b) for _, b in pairs)
        self.gamma = nn.Parameter(torch.ones(sizes[-1])) if gain else None
        self.combinators = nn.ModuleList(COMBINATORS[combinator](width) for width in sizes)  # g_0 to g_L
        for weights in (self.up, self.down):
            fill(weights, lambda w: nn.init.normal_(w, std=w.shape[1] ** -0.5))

    def forward(
        self, x: Tensor, noise: Tensor | None = None, labelled: int = 0, depth: int | None = None
    ) -> Denoised | Tensor:
        """x (n, ...): labelled rows first, then unlabelled -> Denoised; without noise, for use, `predict(x)`.

        noise (n, sum(sizes)): n_0 to n_L side by side, of the standard deviation they are to have (the paper's is 0.3).
        depth: how many costs, from the pixels up; all by default. C_0 alone needs no clean path: x is its target.
        Nothing is written: what the layers are normalised by is the batch's. UserError for noise of another shape, and
        for labelled or unlabelled rows of which there is just one.
        """
        if noise is None:
            return self.predict(x)
        if noise.shape != (len(x), sum(self.sizes)):
            raise UserError(f"{len(x)} rows need noise of {(len(x), sum(self.sizes))}, not {tuple(noise.shape)}")
        if not 0 <= labelled <= len(x) or 1 in (labelled, len(x) - labelled):
            raise UserError(f"{labelled} labelled of {len(x)} rows: either kind has none or at least 2 to normalise by")
        x = _pixels(x)
        corrupted = self._corrupted(x, noise.split(self.sizes, 1), labelled)
        logits = self._logits(corrupted[-1])
        if labelled == len(x):
            return Denoised(logits, ())
        # the labelled rows of the clean path reach no cost
        clean, moments = self._clean(x[labelled:], len(self.sizes) if depth is None else depth)
        estimates = self._decode([z[labelled:] for z in corrupted], logits[labelled:].softmax(1))[:depth]
        normal = [estimates[0], *(_normal(z, *m) for z, m in zip(estimates[1:], moments, strict=True))]
        return Denoised(logits[:labelled], tuple((z - e).square().mean(1) for z, e in zip(clean, normal, strict=True)))

    def predict(self, x: Tensor) -> Float[Tensor, "n classes"]:
        """Logits of the clean path, for use: in `eval()` by the statistics that `measure_batch_norm` measured.

        The authors measure on the labelled images: measure_batch_norm([ladder], lambda: ladder(images), 1).
        A departure: here BatchNorm adds 1e-5 to variances, not 1e-10.
        """
        z = h = _pixels(x)
        for layer, norm, beta in zip(self.up, self.norms, self.beta, strict=True):
            z = norm(wide(layer(h)))
            h = (z + beta).relu()
        return self._logits(z)

    def _corrupted(self, x: Tensor, noise: Sequence[Tensor], labelled: int) -> list[Tensor]:
        """z~_0 to z~_L of all rows."""
        z = [x + noise[0]]
        h = z[0]
        for layer, beta, n in zip(self.up, self.beta, noise[1:], strict=True):
            before = wide(layer(h))
            kinds = [_normalised(rows) for rows in (before[:labelled], before[labelled:]) if len(rows)]
            z.append(torch.cat(kinds) + n)
            h = (z[-1] + beta).relu()
        return z

    def _clean(self, x: Tensor, depth: int) -> tuple[list[Tensor], list[Moments]]:
        """z_0 to z_{depth - 1}; mu and sigma^2 of layers 1 to depth - 1."""
        z, moments = [x], []
        h = x
        for layer, beta in list(zip(self.up, self.beta, strict=True))[: depth - 1]:
            before = wide(layer(h))
            mean = before.mean(0)
            moments.append((mean, (before - mean).square().mean(0)))  # torch.var_mean is several times slower here
            z.append(_normal(before, *moments[-1]))
            h = (z[-1] + beta).relu()
        return z, moments

    def _decode(self, z: Sequence[Tensor], top: Tensor) -> list[Tensor]:
        """z^_0 to z^_L of the unlabelled rows: z are their z~_0 to z~_L, top their softmax."""
        estimates: list[Tensor] = []
        u = top
        for combine, lateral, down in reversed(list(zip(self.combinators, z, [None, *self.down], strict=True))):
            u = wide(u)
            estimates.insert(0, combine(lateral, _normalised(u)))
            if down is not None:
                u = down(estimates[0])
        return estimates

    def _logits(self, z: Tensor) -> Tensor:
        shifted = z + self.beta[-1]
        return shifted if self.gamma is None else self.gamma * shifted


def denoising(costs: Sequence[Float[Tensor, " n"]], lambdas: Sequence[Tensor | float]) -> Float[Tensor, ""]:
    """sum_l lambda_l mean C_l, lambdas from the pixels up: what is added to the labelled rows' cross-entropy.

    Of the paper for 100 labels: full (1000, 10, .1, .1, .1, .1, .1), bottom only (5000, 0, ..., 0), Gamma-model
    (0, ..., 0, .5). A weight that is the number 0 costs no gradient. ValueError unless there is one for each layer.
    """
    if len(costs) != len(lambdas):
        raise ValueError(f"a ladder of {len(costs)} layers, its pixels among them, cannot have {len(lambdas)} lambdas")
    used = [weight * c.mean() for c, weight in zip(costs, lambdas, strict=True) if isinstance(weight, Tensor) or weight]
    return sum(used, start=costs[0].new_zeros(()))


def _normalised(x: Tensor) -> Tensor:
    return batch_norm(x, None, None, training=True, eps=EPSILON)


def _normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """By the moments of the clean path, through which the gradient flows too."""
    return (x - mean) * (var + EPSILON).rsqrt()


def _pixels(x: Tensor) -> Tensor:
    return (wide(x.flatten(1)) + 1) / 2


def _bare(norm: BatchNorm) -> BatchNorm:
    """Without gain and bias: the ladder's noise comes between the normalisation and them."""
    norm.register_parameter("weight", None)
    norm.register_parameter("bias", None)
    return norm


HIDDEN = (1000, 500, 250, 250, 250)  # units of all three papers' hidden layers: the ladder, EBGAN-LN, the improved GAN
