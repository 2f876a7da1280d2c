"""One file per published system, next to its equations."""

from energan.games.autoencoder import autoencoder
from energan.games.ebgan import ebgan, ebgan_pt
from energan.games.gan import gan

GAMES = {
    "autoencoder": autoencoder,
    "ebgan": ebgan,
    "ebgan-pt": ebgan_pt,
    "gan": gan,
}
