"""Conditions as the training set has them, for images that nobody asked for: a frozen player with some of its rows.

    c = row u of the training rows + bandwidth * scale * e        u ~ U(0, 1), e ~ N(0, I)

This draws from the rows' kernel density estimate with Gaussian kernels (Parzen 1962): no row is copied, but for
bandwidth 0. The rows are buffers: they are in the checkpoint, so a copied run draws as here.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.utils.errors import UserError
from energan.utils.specification import recorded


@recorded
class Bank(nn.Module):
    """u (n,) in [0, 1) and, for a bandwidth, e (n, width) -> rows of conditions (n, width), once it is filled.

    It keeps `rows` rows at most; before it is filled, it gives zeros.

    >>> bank = Bank(width=2, rows=100)
    >>> bank.fill(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> bank(torch.tensor([0.0, 0.4, 0.99])).tolist()
    [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    """

    codes: Tensor
    count: Tensor
    width: Tensor  # of the kernel along each number: bandwidth * scale

    def __init__(self, width: int, rows: int = 4000) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(rows, width))
        self.register_buffer("count", torch.ones(()))  # of the rows that are there
        self.register_buffer("width", torch.zeros(width))

    def forward(self, u: Float[Tensor, " n"], e: Float[Tensor, "n width"] | None = None) -> Float[Tensor, "n width"]:
        drawn = self.codes[(u * self.count).long().clamp(max=len(self.codes) - 1)]
        return drawn if e is None else drawn + self.width * e

    @torch.no_grad()
    def fill(
        self, codes: Float[Tensor, "k width"], bandwidth: float = 0.0, scale: Float[Tensor, " width"] | float = 1.0
    ) -> None:
        """Keeps these rows; of more than fit, as many at equal distances.

        scale: of the kernel along each number, such as its standard deviation.

        UserError for no rows, rows of another width, numbers that are not finite, or a bandwidth below 0.
        """
        rows, width = self.codes.shape
        if codes.ndim != 2 or not len(codes) or codes.shape[1] != width:
            got = " x ".join(map(str, codes.shape))
            raise UserError(f"the bank keeps rows of {width} numbers, at least one, and cannot be filled with {got}")
        if not bool(codes.isfinite().all()):
            raise UserError("the bank is filled with numbers, and some of these are not finite")
        if not bandwidth >= 0:
            raise UserError(f"a bandwidth is 0 or more, got {bandwidth}")
        kept = codes[torch.linspace(0, len(codes) - 1, min(rows, len(codes))).round().long()]
        self.codes.zero_()[: len(kept)] = kept.to(self.codes)
        self.count.fill_(len(kept))
        self.width.copy_(torch.as_tensor(bandwidth * scale).expand(width))
