"""One file per published system, next to its equations."""

from collections.abc import Callable

from energan.game import Game
from energan.games.autoencoder import autoencoder
from energan.games.ebgan import ebgan, ebgan_pt
from energan.games.gan import gan

GAMES: dict[str, Callable[..., Game]] = {
    "autoencoder": autoencoder,
    "ebgan": ebgan,
    "ebgan-pt": ebgan_pt,
    "gan": gan,
}
