"""Published experiments, and starting points for one's own: functions with typed defaults that return a Run.

The command line is made from their signatures and docstrings. Nothing heavy is imported before one is called.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from energan.recipes.colour import noiseless_ppgn_h_64
from energan.recipes.denoisers import joint_ppgn_h_mnist, ppgn_h_mnist, ppgn_x_mnist
from energan.recipes.discriminators import fgan_mnist, maxout_gan_mnist, unrolled_mnist
from energan.recipes.encoders import encoder_mnist
from energan.recipes.energies import began_mnist, energy_losses_mnist
from energan.recipes.imagenet import ebgan_pt_128, ebgan_pt_256
from energan.recipes.images import dcgan_64, ebgan_pt_64
from energan.recipes.improved import improved_gan_mnist
from energan.recipes.ladders import ebgan_ln_mnist, ladder_mnist
from energan.recipes.latent import latent_discriminators_mnist
from energan.recipes.matching import energy_distance_mnist, gmmn_mnist, sinkhorn_mnist
from energan.recipes.mnist import ebgan_mnist, ebgan_pt_mnist, gan_mnist
from energan.recipes.ppgn import dgn_am_mnist, noiseless_ppgn_h_mnist
from energan.recipes.stacked import sgan_mnist
from energan.recipes.wasserstein import wgan_gp_mnist, wgan_gp_stacked, wgan_mnist
from energan.recipes.yardsticks import hinge_mnist, lsgan_mnist, r3gan_mnist

if TYPE_CHECKING:
    from energan.run import Run

RECIPES: dict[str, "Callable[..., Run]"] = {
    "ebgan-pt-mnist": ebgan_pt_mnist,
    "ebgan-mnist": ebgan_mnist,
    "gan-mnist": gan_mnist,
    "maxout-gan-mnist": maxout_gan_mnist,
    "energy-losses-mnist": energy_losses_mnist,
    "began-mnist": began_mnist,
    "wgan-mnist": wgan_mnist,
    "wgan-gp-mnist": wgan_gp_mnist,
    "wgan-gp-stacked": wgan_gp_stacked,
    "fgan-mnist": fgan_mnist,
    "unrolled-mnist": unrolled_mnist,
    "lsgan-mnist": lsgan_mnist,
    "hinge-mnist": hinge_mnist,
    "r3gan-mnist": r3gan_mnist,
    "gmmn-mnist": gmmn_mnist,
    "energy-distance-mnist": energy_distance_mnist,
    "sinkhorn-mnist": sinkhorn_mnist,
    "ladder-mnist": ladder_mnist,
    "ebgan-ln-mnist": ebgan_ln_mnist,
    "improved-gan-mnist": improved_gan_mnist,
    "encoder-mnist": encoder_mnist,
    "dgn-am-mnist": dgn_am_mnist,
    "ppgn-x-mnist": ppgn_x_mnist,
    "ppgn-h-mnist": ppgn_h_mnist,
    "joint-ppgn-h-mnist": joint_ppgn_h_mnist,
    "noiseless-ppgn-h-mnist": noiseless_ppgn_h_mnist,
    "noiseless-ppgn-h-64": noiseless_ppgn_h_64,
    "latent-discriminators-mnist": latent_discriminators_mnist,
    "sgan-mnist": sgan_mnist,
    "ebgan-pt-64": ebgan_pt_64,
    "ebgan-pt-128": ebgan_pt_128,
    "ebgan-pt-256": ebgan_pt_256,
    "dcgan-64": dcgan_64,
}
