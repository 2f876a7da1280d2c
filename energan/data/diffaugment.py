"""Differentiable augmentation for small sets.  Zhao, Liu, Lin, Zhu & Han 2020, arXiv:2006.10738.

    L_D = E_x f_D(-D(T(x))) + E_z f_D(D(T(G(z)))),  L_G = E_z f_G(-D(T(G(z))))         eqs. 4-6

T is the same distribution of changes for real and generated images, in both players' moves. So it is no part of a game:
the batches give T(x) (`Batches(..., augment=policy)`) and a generator in `Augmented` gives T(G(z)) while it trains. An
auto-encoder's target is then the augmented image, as its input is.

x (n, c, h, w) in [-1, 1]; u (n, numbers) uniform in [0, 1), which make T(x) a pure function. What is moved in or cut
out is 0, grey, as in the authors' code; colours may leave [-1, 1], as there.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from energan.engine.rng import stream_uniform
from energan.utils.errors import UserError
from energan.utils.specification import named, recorded

SHIFT = 1 / 8  # of a side, by which an image is moved at most

LEAST = 1e-3  # of the mean opacity: what is all but transparent has no mean colour

HOLE = 1 / 2  # of a side: that of the square which is cut out


def colour(x: Float[Tensor, "n c h w"], u: Float[Tensor, "n 3"]) -> Float[Tensor, "n c h w"]:
    """Brightness: + U(-0.5, 0.5). Saturation: times U(0, 2) around each pixel's mean. Contrast: times U(0.5, 1.5)
    around the image's mean.

    A fourth channel, the opacity a in 0..1, stays. The others are seen on white, 1: a colour c as a c + (1 - a). What
    changes is c, so that what is transparent stays white: the mean is that of c, weighted by a.
    """
    brightness, saturation, contrast = u[:, :, None, None, None].unbind(1)
    if x.shape[1] == 4:
        opacity = (x[:, 3:] + 1) / 2
        seen = x[:, :3] - (1 - opacity) + opacity * (brightness - 0.5)
        grey = seen.mean(1, keepdim=True)
        seen = grey + (seen - grey) * (saturation * 2)
        mean = seen.mean((1, 2, 3), keepdim=True) / opacity.mean((2, 3), keepdim=True).clamp(min=LEAST)
        seen = opacity * mean + (seen - opacity * mean) * (contrast + 0.5)
        return torch.cat([seen + (1 - opacity), x[:, 3:]], 1)
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (saturation * 2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translate(x: Float[Tensor, "n c h w"], u: Float[Tensor, "n 2"]) -> Float[Tensor, "n c h w"]:
    """Moves each image by whole pixels, up to an eighth of the height down or up, and of the width right or left."""
    (n, c, h, w), far = x.shape, [int(side * SHIFT + 0.5) for side in x.shape[2:]]
    rows = _axis(h, x)[None] - _whole(u[:, :1], -far[0], far[0])  # (n, h): where each comes from
    columns = _axis(w, x)[None] - _whole(u[:, 1:], -far[1], far[1])
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None]  # (n, h, w)
    source = (rows.clamp(0, h - 1) * w)[:, :, None] + columns.clamp(0, w - 1)[:, None]
    moved = x.flatten(2).gather(2, source.flatten(1)[:, None].expand(n, c, h * w)).view(n, c, h, w)
    return moved * inside[:, None].to(x.dtype)


def cutout(x: Float[Tensor, "n c h w"], u: Float[Tensor, "n 2"]) -> Float[Tensor, "n c h w"]:
    """Sets a square of half the side, centred anywhere in the image, to 0; its part outside is lost."""
    h, w = x.shape[2:]
    kept = ~(_hole(h, u[:, :1], x)[:, :, None] & _hole(w, u[:, 1:], x)[:, None])  # (n, h, w)
    return x * kept[:, None].to(x.dtype)


def _hole(side: int, u: Float[Tensor, "n 1"], x: Tensor) -> Tensor:
    """The pixels of an axis that the hole covers, (n, side) bool."""
    size = int(side * HOLE + 0.5)
    start = _whole(u, 0, side - size % 2) - size // 2
    axis = _axis(side, x)[None]
    return (axis >= start) & (axis < start + size)


def _whole(u: Float[Tensor, "n 1"], low: int, high: int) -> Int[Tensor, "n 1"]:
    """Uniform over low..high, both included."""
    return (u * (high - low + 1)).floor().to(torch.int64) + low


def _axis(side: int, x: Tensor) -> Int[Tensor, " side"]:
    return torch.arange(side, device=x.device)


Augmentation = Callable[[Tensor, Tensor], Tensor]

AUGMENTATIONS: dict[str, tuple[Augmentation, int]] = {  # and how many numbers each takes for an image
    "colour": (colour, 3),
    "translation": (translate, 2),
    "cutout": (cutout, 2),
}


def numbers(policy: Sequence[str]) -> int:
    """How many uniform numbers the policy takes for an image. UserError for an unknown augmentation."""
    for name in policy:
        if name not in AUGMENTATIONS:
            raise UserError(f"`augment` {name} is no augmentation: choose from {', '.join(AUGMENTATIONS)}, or ada")
    return sum(AUGMENTATIONS[name][1] for name in policy)


def augment(
    x: Float[Tensor, "n c h w"], u: Float[Tensor, "n numbers"], policy: Sequence[str]
) -> Float[Tensor, "n c h w"]:
    """The augmented images: each augmentation of the policy in turn, by the next of the numbers u."""
    for name in policy:
        function, count = AUGMENTATIONS[name]
        x, u = function(x, u[:, :count]), u[:, count:]
    return x


@named
def augment_some(
    x: Float[Tensor, "n c h w"], chance: Float[Tensor, ""], policy: Sequence[str]
) -> Float[Tensor, "n c h w"]:
    """The images, of which each augmentation changes each with a probability; numbers are of the engine's stream."""
    for name in policy:
        function, count = AUGMENTATIONS[name]
        u = stream_uniform(torch.zeros(len(x), count + 1, device=x.device)).to(x.dtype)
        x = torch.where((u[:, :1] < chance)[:, :, None, None], function(x, u[:, 1:]), x)
    return x


ADA = "ada"  # among the names of a policy: its augmentations are made with a probability that adapts


def changes_of(policy: Sequence[str]) -> tuple[str, ...]:
    """The augmentations of a policy; all, where it has the word ada alone. UserError for an unknown one."""
    names = tuple(name for name in policy if name != ADA)
    numbers(names)
    return names or (tuple(AUGMENTATIONS) if ADA in policy else ())


@recorded
class Augmented(nn.Module):
    """A generator whose images are augmented in training mode, by numbers of the engine's stream.

    Args:
        net: the generator.
        policy: names of AUGMENTATIONS; the authors use all three with few images.

    Raises:
        UserError: for another name.

    Example:
        >>> G = Augmented(nn.Identity(), ["translation", "cutout"]).eval()
        >>> bool((G(torch.ones(2, 3, 8, 8)) == 1).all())
        True
    """

    def __init__(self, net: nn.Module, policy: Sequence[str]) -> None:
        super().__init__()
        self.net, self.policy = net, tuple(policy)
        self.numbers = numbers(policy)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.net(*inputs)
        if not self.training or not self.policy:
            return x
        return augment(x, stream_uniform(torch.zeros(len(x), self.numbers, device=x.device)), self.policy)
