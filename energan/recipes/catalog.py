"""Published experiments, and starting points for one's own: functions with typed defaults that return an Experiment.

The command line is made from their signatures, docstrings and dataclasses. Nothing heavy is imported before one is
called.
"""

from collections.abc import Callable

from energan.experiment import Experiment
from energan.recipes.adaptation.adda import adda_mnist
from energan.recipes.adaptation.dann import dann_mnist
from energan.recipes.adaptation.pixelda import pixelda_mnist
from energan.recipes.conditional.cgan import cgan_mnist
from energan.recipes.conditional.conditional_dcgan import conditional_dcgan_mnist
from energan.recipes.conditional.conditional_ebgan import conditional_ebgan_pt_mnist
from energan.recipes.conditional.conditional_faces import conditional_faces
from energan.recipes.conditional.gan_cls import (
    gan_cls_mnist,
    gan_int_cls_64,
    gan_int_cls_mnist,
    gan_int_mnist,
    gan_text_mnist,
)
from energan.recipes.conditional.sgan import sgan_mnist
from energan.recipes.critic_free.energy_distance import energy_distance_mnist
from energan.recipes.critic_free.gmmn import gmmn_mnist
from energan.recipes.critic_free.gmmn_ae import gmmn_ae_mnist
from energan.recipes.critic_free.sinkhorn import sinkhorn_mnist
from energan.recipes.energy.autoencoder import autoencoder, feature_autoencoder
from energan.recipes.energy.began import began_mnist
from energan.recipes.energy.ebgan import ebgan_mnist, ebgan_pt_mnist
from energan.recipes.energy.ebgan_64 import ebgan_pt_64
from energan.recipes.energy.ebgan_imagenet import ebgan_pt_128, ebgan_pt_256
from energan.recipes.energy.energy_losses import energy_losses_mnist
from energan.recipes.gan.dcgan import dcgan_64
from energan.recipes.gan.fastgan import fastgan_64
from energan.recipes.gan.fgan import fgan_mnist
from energan.recipes.gan.gan import gan_mnist, maxout_gan_mnist
from energan.recipes.gan.hinge import hinge_mnist
from energan.recipes.gan.lapgan import lapgan_64, lapgan_mnist
from energan.recipes.gan.lsgan import lsgan_mnist
from energan.recipes.gan.r3gan import r3gan_mnist
from energan.recipes.gan.unrolled import unrolled_mnist
from energan.recipes.gan.wgan import wgan_mnist
from energan.recipes.gan.wgan_gp import wgan_gp_mnist, wgan_gp_stacked
from energan.recipes.latent.aae import aae_mnist
from energan.recipes.latent.aae_ssl import aae_clusters_mnist, aae_ssl_mnist
from energan.recipes.latent.infogan import infogan_mnist
from energan.recipes.latent.mode_regularised import mode_regularised_mnist
from energan.recipes.latent.two_stage import two_stage_64, two_stage_mnist
from energan.recipes.latent.vae import vae_mnist
from energan.recipes.latent.vae_gan import vae_gan_64, vae_gan_mnist
from energan.recipes.plug_and_play.dgn_am import dgn_am_mnist
from energan.recipes.plug_and_play.latent_discriminators import latent_discriminators_mnist
from energan.recipes.plug_and_play.ppgn import joint_ppgn_h_mnist, noiseless_ppgn_h_mnist, ppgn_h_mnist, ppgn_x_mnist
from energan.recipes.plug_and_play.ppgn_64 import noiseless_ppgn_h_64
from energan.recipes.semi_supervised.classifier import encoder_mnist
from energan.recipes.semi_supervised.conv_ladder import conv_ladder_32
from energan.recipes.semi_supervised.ebgan_ln import ebgan_ln_mnist
from energan.recipes.semi_supervised.improved_gan import improved_gan_mnist
from energan.recipes.semi_supervised.ladder import ladder_mnist
from energan.recipes.semi_supervised.ladder_features import ladder_features
from energan.recipes.translation.cyclegan import cyclegan
from energan.recipes.translation.pix2pix import pix2pix
from energan.recipes.translation.srgan import srgan, srresnet

RECIPES: dict[str, Callable[..., Experiment]] = {
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
    "lapgan-mnist": lapgan_mnist,
    "r3gan-mnist": r3gan_mnist,
    "gmmn-mnist": gmmn_mnist,
    "gmmn-ae-mnist": gmmn_ae_mnist,
    "energy-distance-mnist": energy_distance_mnist,
    "sinkhorn-mnist": sinkhorn_mnist,
    "ladder-mnist": ladder_mnist,
    "ladder-features": ladder_features,
    "conv-ladder-32": conv_ladder_32,
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
    "conditional-dcgan-mnist": conditional_dcgan_mnist,
    "conditional-ebgan-pt-mnist": conditional_ebgan_pt_mnist,
    "gan-text-mnist": gan_text_mnist,
    "gan-cls-mnist": gan_cls_mnist,
    "gan-int-mnist": gan_int_mnist,
    "gan-int-cls-mnist": gan_int_cls_mnist,
    "gan-int-cls-64": gan_int_cls_64,
    "infogan-mnist": infogan_mnist,
    "aae-mnist": aae_mnist,
    "aae-ssl-mnist": aae_ssl_mnist,
    "aae-clusters-mnist": aae_clusters_mnist,
    "cgan-mnist": cgan_mnist,
    "conditional-faces": conditional_faces,
    "vae-mnist": vae_mnist,
    "vae-gan-mnist": vae_gan_mnist,
    "vae-gan-64": vae_gan_64,
    "two-stage-mnist": two_stage_mnist,
    "two-stage-64": two_stage_64,
    "mode-regularised-mnist": mode_regularised_mnist,
    "ebgan-pt-64": ebgan_pt_64,
    "ebgan-pt-128": ebgan_pt_128,
    "ebgan-pt-256": ebgan_pt_256,
    "autoencoder": autoencoder,
    "feature-autoencoder": feature_autoencoder,
    "dann-mnist": dann_mnist,
    "adda-mnist": adda_mnist,
    "pixelda-mnist": pixelda_mnist,
    "srresnet": srresnet,
    "srgan": srgan,
    "fastgan-64": fastgan_64,
    "dcgan-64": dcgan_64,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "lapgan-64": lapgan_64,
}
