"""One file per published system, next to its equations."""

from collections.abc import Callable

from energan.game import Game
from energan.games.autoencoder import autoencoder
from energan.games.began import began
from energan.games.classifier import classifier
from energan.games.dgn_am import dgn_am
from energan.games.ebgan import ebgan, ebgan_pt
from energan.games.ebgan_ln import ebgan_ln
from energan.games.energy_distance import energy_distance
from energan.games.energy_losses import energy_losses
from energan.games.fgan import fgan
from energan.games.gan import gan
from energan.games.gmmn import gmmn
from energan.games.hinge import hinge
from energan.games.improved_gan_ssl import improved_gan_ssl
from energan.games.ladder import ladder
from energan.games.latent_discriminators import latent_discriminators
from energan.games.lsgan import lsgan
from energan.games.ppgn import joint_ppgn_h, noiseless_joint_ppgn_h, ppgn_h, ppgn_x
from energan.games.r3gan import r3gan
from energan.games.sgan import sgan
from energan.games.sinkhorn import sinkhorn
from energan.games.unrolled import unrolled
from energan.games.wgan import wgan
from energan.games.wgan_gp import wgan_gp

GAMES: dict[str, Callable[..., Game]] = {
    "autoencoder": autoencoder,
    "began": began,
    "classifier": classifier,
    "dgn-am": dgn_am,
    "ebgan": ebgan,
    "ebgan-pt": ebgan_pt,
    "ebgan-ln": ebgan_ln,
    "energy-distance": energy_distance,
    "energy-losses": energy_losses,
    "fgan": fgan,
    "gan": gan,
    "gmmn": gmmn,
    "hinge": hinge,
    "improved-gan-ssl": improved_gan_ssl,
    "ladder": ladder,
    "latent-discriminators": latent_discriminators,
    "lsgan": lsgan,
    "ppgn-x": ppgn_x,
    "ppgn-h": ppgn_h,
    "joint-ppgn-h": joint_ppgn_h,
    "noiseless-joint-ppgn-h": noiseless_joint_ppgn_h,
    "r3gan": r3gan,
    "sgan": sgan,
    "sinkhorn": sinkhorn,
    "unrolled": unrolled,
    "wgan": wgan,
    "wgan-gp": wgan_gp,
}
