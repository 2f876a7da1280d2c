"""The convolutional auto-encoder of EBGAN's image experiments.  arXiv:1609.03126, appendix C.

    Encoder (64)4c2s-(128)4c2s-(256)4c2s        Decoder (128)4c2s-(64)4c2s-(3)4c2s

for 64 x 64 (256 maps of 8 x 8 as the code); `maps` gives other depths, (64, 128, 256, 512) at 128 x 128. Batch norm
after each weight layer but the first and the last, LeakyReLU 0.2 in Enc and ReLU in Dec, as DCGAN, to which the paper
refers. Readings where it is silent: the output is linear; weights ~ N(0, .02), gains of batch norm ~ N(1, .02) as in
DCGAN; the pulling-away term sees the code before its activation.

x (n, c, h, w), h and w divisible by 2^len(maps) -> (reconstruction (n, c, h, w), code (n, maps[-1], h', w')).

Told a class, y (n, classes): planes of y beside the image and beside the code; the reconstruction and the code that the
pulling-away term sees are as without.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from energan.networks.layers import BatchNorm, Double, Halve, initialise
from energan.networks.layers.activation_checkpointing import in_segments
from energan.utils.specification import recorded


@recorded
class Autoencoder(nn.Module):
    """code: "pre" gives the last encoder layer before its activation, "post" after it.

    classes: 0: it is told none. told: the parts that see the class.
    checkpoint_activations: whether the backward pass computes activations again, layer by layer, to save memory.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        maps: Sequence[int] = (64, 128, 256),
        code: Literal["pre", "post"] = "pre",
        checkpoint_activations: bool = False,
        classes: int = 0,
        told: Literal["both", "encoder", "decoder"] = "both",
    ) -> None:
        super().__init__()
        self.code, self.checkpoint_activations = code, checkpoint_activations
        self.told = told if classes else "neither"
        beside_x, beside_code = (classes if self.told in ("both", part) else 0 for part in ("encoder", "decoder"))
        encoder: list[nn.Module] = [Halve(channels + beside_x, maps[0])]
        for a, b in itertools.pairwise(maps):
            encoder += [nn.LeakyReLU(0.2), Halve(a, b, bias=False), BatchNorm(b, 0.02)]
        decoder: list[nn.Module] = []
        decoded = (maps[-1] + beside_code, *maps[-2::-1])
        for a, b in itertools.pairwise(decoded):
            decoder += [Double(a, b, bias=False), BatchNorm(b, 0.02), nn.ReLU()]
        self.encoder, self.activation = nn.Sequential(*encoder), nn.LeakyReLU(0.2)
        self.decoder = nn.Sequential(*decoder, Double(decoded[-1], channels))
        initialise(self, 0.02)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        pre = in_segments(self.encoder, self._beside(x, y, "encoder"), on=self.checkpoint_activations)
        post = self._beside(self.activation(pre), y, "decoder")
        return in_segments(self.decoder, post, on=self.checkpoint_activations), pre if self.code == "pre" else post

    def _beside(self, x: Tensor, y: Tensor | None, part: str) -> Tensor:
        """x, with planes of y where that part is told."""
        if y is None or self.told not in ("both", part):
            return x
        return torch.cat([x, y.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
