"""Published experiments, and starting points for one's own: functions with typed defaults that return a Run.

The command line is made from their signatures and docstrings. Nothing heavy is imported before one is called.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from energan.recipes.images import dcgan_64, ebgan_pt_64
from energan.recipes.mnist import ebgan_mnist, ebgan_pt_mnist, gan_mnist

if TYPE_CHECKING:
    from energan.runs import Run

RECIPES: dict[str, "Callable[..., Run]"] = {
    "ebgan-pt-mnist": ebgan_pt_mnist,
    "ebgan-mnist": ebgan_mnist,
    "gan-mnist": gan_mnist,
    "ebgan-pt-64": ebgan_pt_64,
    "dcgan-64": dcgan_64,
}
