"""Table 1 of EBGAN's paper (arXiv:1609.03126): 512 EBGANs, and 6,144 GANs, which have optimizers and rates beside.

Configuration i is the i-th of `EBGAN` or `GAN` when the last setting goes round first. `Drawn` is the order in which
a sample takes them.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, final

from energan.sweep.plan.space import Choices, Grid, Setting, shuffled
from energan.utils.errors import UserError

NETS: dict[str, tuple[Any, ...]] = {
    "layers_g": (2, 3, 4, 5),
    "layers_d": (2, 3, 4, 5),
    "size_g": (400, 800, 1600, 3200),
    "size_d": (128, 256, 512, 1024),
    "dropout_d": (0.0, 0.5),
}
EBGAN: dict[str, tuple[Any, ...]] = {**NETS, "lr": (1e-3,), "margin": (10.0,), "pt": (0.0,)}
GAN: dict[str, tuple[Any, ...]] = {
    **NETS, "optim_d": ("adam", "sgd"), "optim_g": ("adam", "sgd"), "lr": (1e-2, 1e-3, 1e-4),
}  # fmt: skip
OPTIMIZERS = ("optim_d", "optim_g", "lr")  # of the GANs: figure 3 has a histogram for each of the 12
OF_EBGAN = {"optim_d": "adam", "optim_g": "adam", "lr": 1e-3}


def configuration(grid: Mapping[str, tuple[Any, ...]], number: int) -> dict[str, Any]:
    """The settings of a number, from 0.

    >>> configuration(EBGAN, 0)["size_g"], configuration(EBGAN, 511)["size_g"]
    (400, 3200)
    """
    if not 0 <= number < size(grid):
        raise UserError(f"configurations are numbered from 0 to {size(grid) - 1}: there is no {number}")
    return _grid(grid).setting(number)


def size(grid: Mapping[str, tuple[Any, ...]]) -> int:
    """How many configurations a grid has.

    >>> size(EBGAN), size(GAN)
    (512, 6144)
    """
    return len(_grid(grid))


def _grid(grid: Mapping[str, tuple[Any, ...]]) -> Grid:
    return Grid({name: Choices(values) for name, values in grid.items()})


@final
class Drawn:
    """n EBGANs and n GANs of table 1 at random, in turns, none twice; beyond 512 EBGANs, GANs alone.

    Each run of 12 GANs has every pair of optimizers and learning rate once. A larger sample begins with a smaller one.

    Args:
        n: Of each. 6,144 are all models there are.
        draw_seed: Of the order.
        narrow: What the nets' sizes are divided by.
    """

    growing = True

    def __init__(self, n: int, draw_seed: int = 0, narrow: int = 1) -> None:
        if not 1 <= n <= size(GAN):
            raise UserError(f"`sample` is 1 to {size(GAN):,} of each system, got {n:,}")
        if narrow < 1 or min(NETS["size_d"]) % narrow:
            raise UserError(f"`narrow` must divide {min(NETS['size_d'])}, the narrowest nets' size, got {narrow}")
        self._n, self._seed, self._narrow = n, draw_seed, narrow

    def __len__(self) -> int:
        return self._n + min(self._n, size(EBGAN))

    def setting(self, i: int) -> Setting:
        """The i-th model's: an EBGAN, a GAN, an EBGAN, ..."""
        pair, is_gan = divmod(i, 2) if i < 2 * size(EBGAN) else (i - size(EBGAN), 1)
        if not is_gan:
            return {"system": "ebgan", **OF_EBGAN, **self._nets(shuffled(pair, size(NETS), self._seed))}
        rates = {name: GAN[name] for name in OPTIMIZERS}
        turn, place = divmod(pair, size(rates))
        stratum = shuffled(place, size(rates), _mixed(self._seed, "turn", turn))
        nets = self._nets(shuffled(turn, size(NETS), _mixed(self._seed, "stratum", stratum)))
        return {"system": "gan", **configuration(rates, stratum), **nets}

    def _nets(self, number: int) -> Setting:
        chosen = configuration(NETS, number)
        return chosen | {name: chosen[name] // self._narrow for name in ("size_g", "size_d")}

    def described(self) -> dict[str, Any]:
        return {"kind": "table 1 of arXiv:1609.03126", "seed": self._seed, "narrow": self._narrow}


def _mixed(*parts: Any) -> int:
    """A seed of its own for each of several orders."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")
