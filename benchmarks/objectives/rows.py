"""Each game's row: its step by hand, its nets and its data."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn

from benchmarks.engine import batches
from benchmarks.objectives import sizes
from benchmarks.objectives.adaptation import apart, by_pixels, game_of_adda, game_of_dann, game_of_pixelda, of_domains
from benchmarks.objectives.conditional import (
    captioned,
    classify,
    game_of_acgan,
    game_of_cgan,
    game_of_classifier,
    game_of_conditional_ebgan,
    game_of_faces,
    game_of_sgan,
    game_of_words,
    labelled,
    of_attributes,
    of_class,
    of_classifier,
    of_energy,
    stacked,
    worded,
)
from benchmarks.objectives.critics import (
    began,
    critic_G,
    decoded,
    ebgan_D,
    ebgan_G,
    ebgan_pt_G,
    fgan,
    game_of_fastgan,
    gan_D,
    gan_G,
    hinge_D,
    least_squares_D,
    least_squares_G,
    r3gan_D,
    r3gan_G,
    reconstruct,
    reconstruct_features,
    square_square_D,
    unrolled,
    wasserstein_D,
    wgan_gp_D,
)
from benchmarks.objectives.distances import by_code, energy_distance, game_by_code, mmd, sinkhorn
from benchmarks.objectives.hand import (
    BALANCE,
    BETA1,
    CLIP,
    CRITIC_STEPS,
    EPSILON,
    GAMMA,
    ITERATIONS,
    LR,
    MARGIN,
    PENALTY,
    PT,
    RATE,
    SIZE,
    STEP,
    WIDTHS,
    Hand,
    K,
    Loss,
    alone,
    in_turns,
)
from benchmarks.objectives.latent import (
    bound,
    clear,
    coded,
    diffusing,
    few_labelled,
    four_losses,
    game_of_aae,
    game_of_categories,
    game_of_infogan,
    game_of_latent,
    game_of_two_stage,
    game_of_vae,
    game_of_vae_gan,
    game_with_encoder,
    latent,
    of_categories,
    of_codes,
    of_prior,
    regularised,
)
from benchmarks.objectives.pictures import (
    by_adversary,
    by_error,
    game_of_cyclegan,
    game_of_pix2pix,
    game_of_srgan,
    game_of_srresnet,
    of_cycles,
    of_pairs,
    small_and_large,
    two_domains,
)  # fmt: skip
from benchmarks.objectives.pyramid import game_of_lapgan, of_levels
from energan.engine import Trainer
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam, RMSProp
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.games.conditional import gan_cls as text
from energan.games.latent.aae_ssl import aae_clusters, aae_ssl
from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
from energan.networks.conv import autoencoder, dcgan, feature_autoencoder, wgan_gp


class Row(NamedTuple):
    """A game's settings, the letter and the net of its other player (or none), and its step by hand.

    whole: the game, where it has other players. source: its data. still: players that do not move in these steps.
    """

    step: Callable[[Hand], None]
    letter: str = "D"
    autoencoder: bool = False
    settings: Mapping[str, Any] = MappingProxyType({})
    whole: Callable[[], Game] | None = None
    still: str = ""
    source: Callable[[], Source] = lambda: batches(SIZE, sizes.BATCH)


def game_of_features() -> Game:
    """An auto-encoder of what a frozen convolution sees."""
    with seeded(0):
        F, D = nn.Conv2d(1, 4 * sizes.WIDTH, 4, 4), feature_autoencoder.Autoencoder(4 * sizes.WIDTH, code=sizes.WIDTH)
    return GAMES["feature-autoencoder"](F, D, optimizer_D=Adam(LR, BETA1))


def turns(of_D: Loss, of_G: Loss, **settings: Any) -> Callable[[Hand], None]:
    return partial(in_turns, of_D=of_D, of_G=of_G, **settings)


ROWS = {
    "aae": Row(of_prior, whole=game_of_aae, source=lambda: batches((1, 28, 28), sizes.BATCH)),
    "aae-clusters": Row(
        partial(of_categories, labels=False), whole=partial(game_of_categories, aae_clusters, "EGDR"),
        source=lambda: batches((1, 28, 28), sizes.BATCH),
    ),
    "aae-ssl": Row(
        partial(of_categories, labels=True), whole=partial(game_of_categories, aae_ssl, "EGDRL"), source=few_labelled
    ),
    "acgan": Row(of_classifier, whole=game_of_acgan, source=partial(labelled, SIZE)),
    "adda": Row(apart, whole=game_of_adda, source=few_labelled, still="SC"),
    "autoencoder": Row(reconstruct, autoencoder=True),
    "began": Row(began, autoencoder=True, settings={"gamma": BALANCE, "rate": STEP}),
    "cgan": Row(of_class, whole=game_of_cgan, source=labelled),
    "classifier": Row(classify, whole=game_of_classifier, source=labelled),
    "dann": Row(of_domains, whole=game_of_dann, source=few_labelled),
    "conditional-faces": Row(of_attributes, whole=game_of_faces, source=partial(labelled, (3, 32, 32))),
    "conditional-ebgan": Row(of_energy, whole=game_of_conditional_ebgan, source=partial(labelled, SIZE)),
    "ebgan": Row(turns(ebgan_D, ebgan_G), autoencoder=True, settings={"margin": MARGIN}),
    "ebgan-pt": Row(turns(ebgan_D, ebgan_pt_G), autoencoder=True, settings={"margin": MARGIN, "pt": PT}),
    "energy-distance": Row(partial(alone, loss=energy_distance), ""),
    "energy-losses": Row(turns(square_square_D, ebgan_G), autoencoder=True, settings={"margin": MARGIN}),
    "feature-autoencoder": Row(reconstruct_features, whole=game_of_features),
    "fastgan": Row(decoded, whole=game_of_fastgan),
    "fgan": Row(fgan, "V"),
    "gan": Row(turns(gan_D, gan_G)),
    **{
        name: Row(partial(worded, wrong=wrong, between=between), whole=partial(game_of_words, make), source=captioned)
        for name, make, wrong, between in (
            ("gan-text", text.gan_text, False, False), ("gan-cls", text.gan_cls, True, False),
            ("gan-int", text.gan_int, False, True), ("gan-int-cls", text.gan_int_cls, True, True),
        )
    },
    "gmmn": Row(partial(alone, loss=mmd), "", settings={"widths": WIDTHS}),
    "gmmn-ae": Row(by_code, whole=game_by_code),
    "hinge": Row(turns(hinge_D, critic_G)),
    "infogan": Row(of_codes, whole=game_of_infogan, source=lambda: batches((1, 28, 28), sizes.BATCH)),
    "lapgan": Row(of_levels, whole=game_of_lapgan),
    "latent-discriminators": Row(latent, whole=game_of_latent, source=coded),
    "lsgan": Row(turns(least_squares_D, least_squares_G)),
    "manifold-diffusion": Row(diffusing, whole=partial(game_with_encoder, manifold_diffusion, ("D_1", "D_2"))),
    "mode-regularised": Row(regularised, whole=partial(game_with_encoder, mode_regularised, ("D",))),
    "pix2pix": Row(of_pairs, whole=game_of_pix2pix, source=two_domains),
    "cyclegan": Row(of_cycles, whole=game_of_cyclegan, source=two_domains),
    "pixelda": Row(by_pixels, whole=game_of_pixelda, source=few_labelled),
    "r3gan": Row(turns(r3gan_D, r3gan_G), settings={"gamma": GAMMA}),
    "sgan": Row(stacked, whole=game_of_sgan, source=labelled),
    "sinkhorn": Row(partial(alone, loss=sinkhorn), "", settings={"epsilon": EPSILON, "iterations": ITERATIONS}),
    "srgan": Row(by_adversary, whole=game_of_srgan, source=small_and_large),
    "srresnet": Row(by_error, whole=game_of_srresnet, source=small_and_large),
    "two-stage": Row(clear, whole=game_of_two_stage),
    "unrolled": Row(unrolled, settings={"steps": K}),
    "vae": Row(bound, whole=game_of_vae, source=lambda: batches((1, 28, 28), sizes.BATCH)),
    "vae-gan": Row(four_losses, whole=game_of_vae_gan),
    "wgan": Row(
        turns(wasserstein_D, critic_G, critic_steps=CRITIC_STEPS, clip=CLIP), "f",
        settings={"clip": CLIP, "critic_steps": CRITIC_STEPS, "warm_steps": 0},
    ),
    "wgan-gp": Row(
        turns(wgan_gp_D, critic_G, critic_steps=CRITIC_STEPS), "f",
        settings={"penalty": PENALTY, "critic_steps": CRITIC_STEPS},
    ),
}  # fmt: skip


def game(name: str) -> Game:
    """The game on new nets, always from the same weights."""
    row = ROWS[name]
    if row.whole:
        return row.whole()
    with seeded(0):
        nets: dict[str, nn.Module] = {"G": dcgan.Generator(sizes.Z, channels=1, size=32, width=sizes.WIDTH)}
        if row.autoencoder:
            nets["D"] = autoencoder.Autoencoder(channels=1, maps=(sizes.WIDTH, 2 * sizes.WIDTH, 4 * sizes.WIDTH))
        elif row.letter:
            nets[row.letter] = wgan_gp.Critic(width=sizes.WIDTH)
    rate = RMSProp(RATE) if name == "wgan" else Adam(LR, BETA1)
    if name == "autoencoder":
        return GAMES[name](nets["D"], optimizer_D=rate)
    return GAMES[name](**nets, z=sizes.Z, **{f"optimizer_{letter}": rate for letter in nets}, **row.settings)


def sides(name: str, precision: str) -> tuple[Trainer, Hand]:
    """The two that take the same steps."""
    source = ROWS[name].source()
    return Trainer(game(name), source, precision=precision), Hand(game(name), source, precision)
