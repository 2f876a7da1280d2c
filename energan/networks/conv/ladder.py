"""A convolutional ladder: the ladder's layers are convolutions and pools.  Rasmus et al. 2015, arXiv:1507.02672, 4.2.

    corrupted   z~_0 = h~_0 = x + n_0,  z~_l = BN(f_l(h~_{l-1})) + n_l,  h~_l = phi_l(z~_l + beta_l)
    clean       the same without noise: z_l; mu_l, sigma_l are the batch's statistics of its f_l(h_{l-1})
    logits      gamma (z~_L + beta_L); of the clean path for use
    Gamma       C_L = ||z_L - z^'_L||^2 / classes,  z^_L = g_L(z~_L, u_L),  u_L = BN(softmax(corrupted logits))
    bottom      C_0 = ||x - z^_0||^2 / pixels,      z^_l = g_l(z~_l, u_l),  u_l = BN(f'_{l+1}(z^_{l+1}))

f_l is a convolution, a maximum over 2 x 2, the mean of each map, or W_L. f'_l is its transposed convolution, each value
copied to where the pool had read, or V_L. BN is over rows and places of a channel, and g_l has parameters for each
channel, the same in all places. phi_l is relu after convolutions, and nothing after pools, where there is no beta. All
else is as in networks/dense/ladder.py: labelled and unlabelled rows are normalised apart, z^' is z^ by mu and sigma,
gradients flow through z_l, mu_l, sigma_l.

The net is the authors' Conv-Small: convolutions of 5 x 5 (32 maps, padded to where any pixel is seen), pool, 3 x 3 (64,
not padded), 3 x 3 (64, padded so), pool, 3 x 3 (128, not padded), 1 x 1 (classes), mean, W_L. On 28 x 28 the last maps
are 6 x 6, as there. `width` is that of the first; the others' are in proportion.
NOTE: the authors had the Gamma-model alone of it. The decoder below the top is ours, by the rule of their section 4.1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from energan.engine.precision import wide
from energan.networks.dense.ladder import EPSILON, Denoised
from energan.networks.layers import BatchNorm
from energan.networks.layers.initialisation import fill
from energan.networks.layers.ladder_combinators import COMBINATORS, Combination
from energan.utils.errors import UserError
from energan.utils.specification import recorded

LEAST = 8  # pixels a side


class Layer(NamedTuple):
    """kind: "convolution", "pool", "mean" or "dense"; padding: pixels around a convolution's input."""

    kind: str
    channels: int
    kernel: int = 1
    padding: int = 0


def conv_small(width: int, classes: int) -> tuple[Layer, ...]:
    """The layers of the authors' Conv-Small, whose width is 32."""
    return (
        Layer("convolution", width, 5, 4),
        Layer("pool", width),
        Layer("convolution", 2 * width, 3, 0),
        Layer("convolution", 2 * width, 3, 2),
        Layer("pool", 2 * width),
        Layer("convolution", 4 * width, 3, 0),
        Layer("convolution", classes, 1, 0),
        Layer("mean", classes),
        Layer("dense", classes),
    )


@recorded
class ConvLadder(nn.Module):
    """Images (n, c, s, s) in [-1, 1], taken to [0, 1] here -> logits (n, classes).

    image    channels and pixels a side, 8 or more
    width    maps of the first layer
    decoder  whether there is one below the top: for the bottom cost. Without it, the Gamma-model's cost is all there is

    sizes: numbers of each layer, the pixels first; cost_layers: the layers whose costs a pass gives.
    UserError for images that are too small, and for an unknown combinator.
    """

    def __init__(
        self,
        image: tuple[int, int],
        classes: int,
        *,
        width: int = 32,
        decoder: bool = False,
        combinator: Combination = "gaussian",
    ) -> None:
        super().__init__()
        channels, side = image
        if side < LEAST or width < 1 or classes < 2:
            raise UserError(f"a convolutional ladder needs images of {LEAST} pixels a side or more, got {side}")
        if combinator not in COMBINATORS:
            raise UserError(f"there is no combinator {combinator!r}; there are {', '.join(COMBINATORS)}")
        self.layers = conv_small(width, classes)
        self.shapes = _shapes(channels, side, self.layers)
        self.sizes = tuple(c * s * s for c, s in self.shapes)
        top = len(self.layers)
        self.cost_layers = tuple(range(top + 1)) if decoder else (top,)
        inputs = [c for c, _ in self.shapes]
        self.up = nn.ModuleList(_up(layer, c) for layer, c in zip(self.layers, inputs, strict=False))
        self.down = nn.ModuleList(_down(layer, c) for layer, c in zip(self.layers, inputs, strict=False) if decoder)
        self.norms = nn.ModuleList(BatchNorm(layer.channels, affine=False) for layer in self.layers)
        self.beta = nn.ParameterDict(
            {str(i): torch.zeros(x.channels) for i, x in enumerate(self.layers) if x.kind in ("convolution", "dense")}
        )
        self.gamma = nn.Parameter(torch.ones(classes))
        self.combinators = nn.ModuleList(COMBINATORS[combinator](inputs[i]) for i in self.cost_layers)
        for weights in (self.up, self.down):
            fill(weights, lambda w: nn.init.normal_(w, std=w[0].numel() ** -0.5))

    def forward(
        self, x: Tensor, noise: Tensor | None = None, labelled: int = 0, depth: int | None = None
    ) -> Denoised | Tensor:
        """x: labelled rows first, then unlabelled -> Denoised; without noise, for use, logits of the clean path.

        noise (n, sum(sizes)): n_0 to n_L side by side, of the standard deviation they are to have. depth: how many of
        the costs of `cost_layers`, the lowest first; all by default. UserError for noise of another shape, and for
        labelled or unlabelled rows of which there is just one.
        """
        if noise is None:
            return self.predict(x)
        if noise.shape != (len(x), sum(self.sizes)):
            raise UserError(f"{len(x)} rows need noise of {(len(x), sum(self.sizes))}, not {tuple(noise.shape)}")
        if not 0 <= labelled <= len(x) or 1 in (labelled, len(x) - labelled):
            raise UserError(f"{labelled} labelled of {len(x)} rows: either kind has none or at least 2 to normalise by")
        x = _pixels(x)
        parts = [n.view(len(x), c, s, s) for n, (c, s) in zip(noise.split(self.sizes, 1), self.shapes, strict=True)]
        corrupted = self._corrupted(x, parts, labelled)
        logits = self._logits(corrupted[-1])
        if labelled == len(x):
            return Denoised(logits, ())
        layers = self.cost_layers[:depth]
        clean, moments = self._clean(x[labelled:], max(layers))
        estimates = self._decode([z[labelled:] for z in corrupted], logits[labelled:].softmax(1))
        costs = [_cost(clean[i], estimates[i], moments[i]) for i in layers]
        return Denoised(logits[:labelled], tuple(costs))

    def predict(self, x: Tensor) -> Tensor:
        """Logits of the clean path, for use: in `eval()` by the statistics that `measure_batch_norm` measured."""
        h = z = _pixels(x)
        for i, norm in enumerate(self.norms):
            z = norm(wide(self._applied(i, h)))
            h = self._activated(i, z)
        return self._logits(z)

    def _applied(self, i: int, h: Tensor) -> Tensor:
        """f_{i+1}."""
        kind = self.layers[i].kind
        if kind == "pool":
            return F.max_pool2d(h, 2)
        return h.mean((2, 3), keepdim=True) if kind == "mean" else self.up[i](h)

    def _activated(self, i: int, z: Tensor) -> Tensor:
        """h of z, of layer i + 1."""
        if str(i) not in self.beta:
            return z
        return (z + self.beta[str(i)][:, None, None]).relu()

    def _corrupted(self, x: Tensor, noise: Sequence[Tensor], labelled: int) -> list[Tensor]:
        """z~_0 to z~_L of all rows."""
        z = [x + noise[0]]
        h = z[0]
        for i, n in enumerate(noise[1:]):
            before = wide(self._applied(i, h))
            kinds = [_normalised(rows) for rows in (before[:labelled], before[labelled:]) if len(rows)]
            z.append(torch.cat(kinds) + n)
            h = self._activated(i, z[-1])
        return z

    def _clean(self, x: Tensor, last: int) -> tuple[list[Tensor], list[tuple[Tensor, Tensor] | None]]:
        """z_0 to z_last, and mu and sigma^2 of each; none of the pixels, which are not normalised."""
        z: list[Tensor] = [x]
        moments: list[tuple[Tensor, Tensor] | None] = [None]
        h = x
        for i in range(last):
            before = wide(self._applied(i, h))
            mean = before.mean((0, 2, 3), keepdim=True)
            moments.append((mean, (before - mean).square().mean((0, 2, 3), keepdim=True)))
            z.append((before - mean) * (moments[-1][1] + EPSILON).rsqrt())  # type: ignore[index]
            h = self._activated(i, z[-1])
        return z, moments

    def _decode(self, z: Sequence[Tensor], top: Tensor) -> dict[int, Tensor]:
        """z^_l of the layers that have costs: z are z~_0 to z~_L of the unlabelled rows, top their softmax."""
        estimates: dict[int, Tensor] = {}
        u = top[:, :, None, None]
        for layer, combine in reversed(list(zip(self.cost_layers, self.combinators, strict=True))):
            estimates[layer] = _in_channels(combine, z[layer], _normalised(wide(u)))
            if layer and len(self.down):
                u = self._lowered(layer - 1, estimates[layer], z[layer - 1].shape[2:])
        return estimates

    def _lowered(self, i: int, estimate: Tensor, shape: Sequence[int]) -> Tensor:
        """f'_{i+1}: what layer i + 1 says of layer i."""
        if self.layers[i].kind in ("pool", "mean"):
            return F.interpolate(estimate, size=tuple(shape), mode="nearest")
        return self.down[i](estimate)

    def _logits(self, z: Tensor) -> Tensor:
        return self.gamma * (z.flatten(1) + self.beta[str(len(self.layers) - 1)])


def _shapes(channels: int, side: int, layers: Sequence[Layer]) -> tuple[tuple[int, int], ...]:
    """Channels and side of each layer, the image first."""
    shapes = [(channels, side)]
    for layer in layers:
        if layer.kind == "convolution":
            side = side + 2 * layer.padding - layer.kernel + 1
        elif layer.kind == "pool":
            side = side // 2
        else:
            side = 1
        shapes.append((layer.channels, side))
    return tuple(shapes)


def _up(layer: Layer, channels: int) -> nn.Module:
    if layer.kind in ("pool", "mean"):
        return nn.Identity()
    return nn.Conv2d(channels, layer.channels, layer.kernel, padding=layer.padding, bias=False)


def _down(layer: Layer, channels: int) -> nn.Module:
    if layer.kind in ("pool", "mean"):
        return nn.Identity()
    return nn.ConvTranspose2d(layer.channels, channels, layer.kernel, padding=layer.padding, bias=False)


def _in_channels(combine: nn.Module, z: Tensor, u: Tensor) -> Tensor:
    """g of each place, whose units are the channels."""
    n, c, h, w = z.shape
    flat = (x.permute(0, 2, 3, 1).reshape(-1, c) for x in (z, u))
    return combine(*flat).view(n, h, w, c).permute(0, 3, 1, 2)


def _cost(clean: Tensor, estimate: Tensor, moments: tuple[Tensor, Tensor] | None) -> Tensor:
    if moments is not None:
        mean, var = moments
        estimate = (estimate - mean) * (var + EPSILON).rsqrt()
    return (clean - estimate).square().mean((1, 2, 3))


def _normalised(x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, training=True, eps=EPSILON)


def _pixels(x: Tensor) -> Tensor:
    return (wide(x) + 1) / 2
