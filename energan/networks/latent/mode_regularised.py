"""The encoder of mode-regularised GANs: DCGAN's discriminator, of which the last layer gives codes.  arXiv:1612.02136.

The paper has encoders built as its discriminators are; the reading of the details is ours. Batch norm without gains
brings the codes to mean 0 and variance 1, those of the noise: G's own first batch norm would hide where they are while
it trains, and show it in use.
"""

from torch import nn

from energan.networks.conv import dcgan
from energan.networks.layers import BatchNorm, initialise
from energan.utils.specification import recorded


@recorded
def encoder(z: int, *, channels: int = 3, size: int = 64, width: int = 64) -> nn.Sequential:
    """x (n, channels, size, size) -> codes (n, z). UserError for sizes other than 8, 16, 32, ..."""
    D = dcgan.Discriminator(channels=channels, size=size, width=width)
    last = nn.Conv2d(D.features, z, 4, bias=False)
    return nn.Sequential(D.net[:-1], initialise(last, 0.02), nn.Flatten(), BatchNorm(z, affine=False))
