"""Recipes: each builds with its defaults, documents each flag, and refuses numbers that cannot be trained with."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import SMALL, arguments, sentence, trained

from energan.cli import main
from energan.data import Batches
from energan.engine import Trainer
from energan.engine.optimizers import AnnealedSGD
from energan.games.semi_supervised.ladder import COSTS
from energan.losses.contrastive_energy import LOSSES
from energan.losses.f_divergence import DIVERGENCES, FAMILIES
from energan.networks.dense.ladder import HIDDEN
from energan.networks.layers import SpectralNorm
from energan.networks.layers.ladder_combinators import COMBINATORS
from energan.recipes.build import build
from energan.recipes.catalog import RECIPES
from energan.recipes.common import decayed
from energan.recipes.semi_supervised import labelled_data
from energan.utils.arguments import parameters as flat
from energan.utils.checks import at_least, fraction, not_negative, positive, share, usable_seed
from energan.utils.errors import UserError

PICTURES = dict.fromkeys(("ebgan-pt-64", "dcgan-64", "fastgan-64", "noiseless-ppgn-h-64"), (3, 64, 64))
PICTURES |= {
    "gan-int-cls-64": (3, 64, 64),
    "vae-gan-64": (3, 64, 64),
    "two-stage-64": (3, 64, 64),
    "lapgan-64": (3, 64, 64),
    "ebgan-pt-128": (3, 128, 128),
    "ebgan-pt-256": (3, 256, 256),
    "ladder-features": (1, 28, 28),
    "conv-ladder-32": (1, 8, 8),
    "autoencoder": (3, 64, 64),  # of any size
    "feature-autoencoder": (3, 64, 64),
}  # the user's own
SHAPES = {"wgan-gp-stacked": (3, 32, 32)} | dict.fromkeys(
    (
        "maxout-gan-mnist",
        "cgan-mnist",
        "wgan-mnist",
        "wgan-gp-mnist",
        "lapgan-mnist",
        "gmmn-mnist",
        "gmmn-ae-mnist",
        "energy-distance-mnist",
        "sinkhorn-mnist",
        "conditional-dcgan-mnist",
    ),
    (1, 28, 28),
)  # the others: (1, 32, 32)
# of their images they know the classes first
OF_CLASSES = ("cgan-mnist", "conditional-dcgan-mnist", "conditional-ebgan-pt-mnist")
TOLD = ("gan-text-mnist", "gan-cls-mnist", "gan-int-mnist", "gan-int-cls-mnist")  # words
NAMED_SETS = {
    **dict.fromkeys(TOLD, "worded-mnist"),
    "wgan-gp-stacked": "stacked-mnist",
    "conditional-faces": "emoji-attributes",
    "pix2pix": "line-emoji",
    "cyclegan": "noto-twemoji",
    **dict.fromkeys(("srresnet", "srgan"), "debian-photos"),
}  # the others: mnist
CLASSIFIERS = (
    "ladder-mnist",
    "ebgan-ln-mnist",
    "improved-gan-mnist",
    "aae-ssl-mnist",
    "ladder-features",
    "conv-ladder-32",
)  # small ones see 8 x 8 digits as they are
ADAPTED = ("dann-mnist", "adda-mnist", "pixelda-mnist")
PPGN = ("dgn-am-mnist", "ppgn-h-mnist", "joint-ppgn-h-mnist", "noiseless-ppgn-h-mnist", "noiseless-ppgn-h-64")
CODED = ("latent-discriminators-mnist", "ppgn-x-mnist", *PPGN)  # drawn by chains
SHAPES |= dict.fromkeys(CLASSIFIERS, (1, 8, 8)) | dict.fromkeys(
    (
        "encoder-mnist",
        "sgan-mnist",
        "cgan-mnist",
        "vae-mnist",
        "vae-gan-mnist",
        "infogan-mnist",
        "aae-mnist",
        "aae-clusters-mnist",
        *CODED,
    ),
    (1, 28, 28),
)
SHAPES |= {
    **dict.fromkeys(ADAPTED, (1, 16, 16)),
    **PICTURES,
    **dict.fromkeys(("pix2pix", "cyclegan"), (3, 24, 20)),
    **dict.fromkeys(("srresnet", "srgan"), (3, 8, 8)),
    **dict.fromkeys(("conditional-faces", *TOLD), (3, 32, 32)),
}
ALONE = ("gmmn-mnist", "energy-distance-mnist", "sinkhorn-mnist")  # generators without a critic
PLAYERS = {
    "fastgan-64": "GDR",
    "wgan-mnist": "Gf",
    "wgan-gp-mnist": "Gf",
    "wgan-gp-stacked": "Gf",
    "fgan-mnist": "GV",
    "began-mnist": "GDk",
    "gmmn-ae-mnist": ("Enc", "Dec", "G"),
}
PLAYERS |= {**dict.fromkeys(ALONE, "G"), "ladder-mnist": "D", "ladder-features": "FD", "conv-ladder-32": "D"}
PLAYERS |= {"vae-mnist": "EG"} | dict.fromkeys(("vae-gan-mnist", "vae-gan-64"), "EGD")
PLAYERS |= {"mode-regularised-mnist": "GDE"}
PLAYERS |= dict.fromkeys(("two-stage-mnist", "two-stage-64"), "EGRD")
PLAYERS |= {
    "sgan-mnist": ("E_0", "E_1", "G_1", "G_0", "D_1", "D_0"),
    "encoder-mnist": "E",
    "dann-mnist": "ECD",
    "adda-mnist": "SECD",
    "cyclegan": ("G", "F", "D_X", "D_Y", "pool_X", "pool_Y"),
    "pixelda-mnist": "GDT",
    "srresnet": "G",
    "srgan": ("G", "D", "phi"),
}
PLAYERS |= {"latent-discriminators-mnist": ("E", "S", "G", "D_x", "D_h")}  # the others: G and D
PLAYERS |= dict.fromkeys(PPGN, ("E", "G", "D", "gate")) | {"ppgn-x-mnist": ("E", "R")}
PLAYERS |= {"dgn-am-mnist": ("E", "G", "D", "gate", "bounds"), "ppgn-h-mnist": ("E", "G", "D", "gate", "R")}
PLAYERS |= {"aae-mnist": "EGD", **dict.fromkeys(("aae-ssl-mnist", "aae-clusters-mnist"), ("E", "G", "D_y", "D_z"))}
PLAYERS |= {
    "lapgan-mnist": ("G_0", "G_1", "G_2", "D_0", "D_1", "D_2"),
    "lapgan-64": ("G_0", "G_1", "G_2", "G_3", "D_0", "D_1", "D_2", "D_3"),
}
PLAYERS |= {"autoencoder": ("D",), "feature-autoencoder": ("F", "D")}
PLAYERS |= {"conditional-faces": ("G", "D", "K", "S")}
PLAYERS |= dict.fromkeys((*TOLD, "gan-int-cls-64"), ("G", "D", "T"))
WITHOUT_ENERGY = (
    *ALONE,
    *CODED,
    *TOLD,
    "gan-int-cls-64",
    "conditional-faces",
    "ladder-mnist",
    "ladder-features",
    "conv-ladder-32",
    "ebgan-ln-mnist",
    "encoder-mnist",
    *ADAPTED,
    "sgan-mnist",
    "two-stage-mnist",
    "two-stage-64",
    "pix2pix",
    "cyclegan",
    "srresnet",
    "srgan",
)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_builds_with_its_defaults(recipe: str) -> None:
    given = {"data": "nothing is loaded yet"} if recipe in PICTURES else {}
    run = build(recipe, **given)
    assert run.source == given.get("data", NAMED_SETS.get(recipe, "mnist"))
    assert set(run.game.players) == set(PLAYERS.get(recipe, "GD")) and run.steps >= 400 and run.save_every <= run.steps
    assert (run.game.energy is None) == (recipe in WITHOUT_ENERGY)
    assert (run.game.logits is not None) == (recipe in (*CLASSIFIERS, *ADAPTED, "encoder-mnist"))
    assert (run.game.codes is not None) == (recipe in CODED) and (run.initialise is not None or recipe not in CODED)
    coded = {*CODED, "conditional-faces", "ladder-features"} - {"ppgn-x-mnist"}  # whose codes are images
    assert (run.coded is not None) == (recipe in coded)
    assert run.precision in ("bf16", "fp32") and run.device in ("cpu", "cuda") and not run.compile


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_loads_images_in_the_shape_its_nets_take(recipe: str, tmp_path: Path) -> None:
    run = build(recipe, **arguments(recipe, tmp_path / "run"))
    assert run.training_set().images.shape[1:] == SHAPES.get(recipe, (1, 32, 32))
    held_out = {"digits": 256, "paired pictures": 1}  # other folders have no test images of their own
    of_folder = 1 if run.game.translate else 12
    assert len(run.test_set().images) == held_out.get(SMALL[recipe]["data"], of_folder)


FLAGS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "flags.json").read_text())


@pytest.mark.parametrize("recipe", RECIPES)
def test_flags_and_defaults_are_those_of_the_table(recipe: str) -> None:
    """A flag, or a default, that changes makes another experiment of a command that someone wrote down."""
    defaults = {name: "REQUIRED" if d is inspect.Parameter.empty else d for name, d in flat(RECIPES[recipe]).items()}
    assert json.loads(json.dumps(defaults)) == FLAGS[recipe] and set(FLAGS) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_flag_is_flat_and_has_a_sentence(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit):
        main(["train", recipe, "--help"])
    said = " ".join(re.sub(r"[│╭╮╰╯─|+]|-{3,}", " ", capsys.readouterr().out).split())
    said = re.sub(r"--([\w-]+), --no-\1", r"--\1", said.partition("show this help message and exit")[2])
    sentences = dict(re.findall(r"--([\w-]+) (.*?) \((?:default: .*?|required)\)(?= |$)", said))
    own = {"trust", "out", "quiet", "microbatches", "sync-batch-stats", "stop-when-flat", "track", "config"}
    assert set(sentences) == {name.replace("_", "-") for name in FLAGS[recipe]} | own
    assert all(len(sentence.split()) >= 3 for sentence in sentences.values()), sentences


OF_PICTURES = ("pix2pix", "cyclegan")  # a batch of which may be one picture: no net has batch norm

DEFAULTS = {name: flat(make) for name, make in RECIPES.items()}


def having(flag: str) -> list[str]:
    return [name for name, defaults in DEFAULTS.items() if flag in defaults]


@pytest.mark.parametrize("recipe", having("share_samples"))
def test_samples_are_shared_where_that_is_asked_for(recipe: str, tmp_path: Path) -> None:
    assert build(recipe, **arguments(recipe, tmp_path / "run"), share_samples=True).game.share == {"G": "D"}
    assert build(recipe, **arguments(recipe, tmp_path / "run")).game.share == {}


NAN, INF = float("nan"), float("inf")
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    **dict.fromkeys(("steps", "save_every", "z", "lr", "width", "size_g"), ((0,), "must be above 0")),
    **dict.fromkeys(("layers_g", "size_d", "width_d", "lr_d", "clip", "scale", "epsilon"), ((0,), "must be above 0")),
    "margin": ((0.0, -1.0, NAN, INF), "must be above 0"),
    "batch": ((-1, 0), "must be "),
    "value_range": (((1, 0), (0, NAN)), "is two numbers, black and white, the smaller first"),
    "seed": ((-1, 2**63), "must be from 0 to"),
    **dict.fromkeys(("ema", "smoothing"), ((-0.1, 1.0), "must be 0 or above and below 1")),
    **dict.fromkeys(("beta1", "beta2", "dropout_d"), ((1.0,), "must be 0 or above and below 1")),
    **dict.fromkeys(("pt", "penalty", "warm_steps", "rate"), ((-1,), "must be 0 or above")),
    **dict.fromkeys(("image_loss", "code_loss", "feature_loss", "adversarial"), ((-1, NAN), "must be 0 or above")),
    "chain_steps": ((0,), "must be 1 or more"),
    "start": ((-1.1, 1.1, NAN), "must be from -1 (black) to 1 (white)"),
    **dict.fromkeys(
        ("kl", "reconstruction", "feature", "gate", "pixel", "distance", "mode"), ((-1, NAN), "must be 0 or above")
    ),
    **dict.fromkeys(("condition", "entropy"), ((-1,), "must be 0 or above")),
    **dict.fromkeys(("embedding", "mismatch", "l2"), ((-1, NAN), "must be 0 or above")),
    **dict.fromkeys(("joint_from", "clear_from"), ((-0.1, 1.1, NAN), "")),
    "gamma": ((-0.1, NAN), "must be "),
    "decay": ((-0.1, 1.1, NAN), ""),
    "layers_d": ((1,), "must be 2 or more, got 1"),
    "critic_steps": ((-1,), "must be "),
    "unroll": ((-1,), "must be 0 or more"),
    "iterations": ((0,), "must be 1 or more"),
    "mean": ((-0.1, 1.1, NAN), "is a brightness"),
    **dict.fromkeys(("weight", "sigma", "labels"), ((-1,), "must be 0 or above")),
    "label_seed": ((-1, 2**63), "must be from 0 to"),
    "classes": ((1,), "must be 2 or more"),
    "size": ((1,), "must be 2 or more"),
    "switch": ((-0.1, 1.1, NAN), "is a share of the steps"),
    "hidden": (((16, 0),), "must be above 0"),
    "patches": ((31,), "must be "),
    **dict.fromkeys(("centre", "resize", "l1", "cycle", "identity"), ((-1,), "must be 0 or above")),
    "pool": ((0,), "must be 1 or more"),
    "augment": ((("blur",),), ""),
}
BAD: list[tuple[str, dict[str, Any], str]] = [
    *((recipe, {flag: value}, f"{flag} {expected}")
      for flag, (values, expected) in REFUSED.items() for value in values for recipe in having(flag)
      if type(DEFAULTS[recipe][flag]) is not bool),
    *((recipe, {"batch": 1}, "batch must be 2 or more") for recipe in RECIPES if recipe not in OF_PICTURES),
    *((recipe, {"device": "tpu"}, "device tpu: not a device") for recipe in RECIPES),
    *((recipe, {"critic_steps": 0}, "critic_steps must be 1 or more")
      for recipe in having("clip") + having("penalty")),
    ("pix2pix", {"patch": 70}, "a discriminator of squares of 70 pixels needs images of 24 or more: lower patch"),
    ("cyclegan", {"patch": 70}, "a discriminator of squares of 70 pixels needs images of 24 or more: lower patch"),
    ("cyclegan", {"size": 18}, "CycleGAN's generators see squares of 8, 12, 16, ... pixels a side, and not 18"),
    ("pix2pix", {"size": 48}, "a U-Net sees squares of 4, 8, 16, ... pixels a side, and 48 is no such number"),
    ("gmmn-mnist", {"widths": (4.0, 0.0)}, "widths must be above 0, got 0.0"),
]  # fmt: skip


@pytest.mark.parametrize(("recipe", "changes", "expected"), BAD, ids=[f"{r} {c}" for r, c, _ in BAD])
def test_numbers_that_cannot_be_trained_with_are_refused(
    recipe: str, changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    small = {
        **SMALL[recipe],
        "data": NAMED_SETS.get(recipe, "mnist" if recipe in OF_CLASSES else "never loaded"),
        **changes,
    }
    with pytest.raises(UserError) as refused:
        build(recipe, **small)
    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (positive, (1, 1e-9), (0, -1, float("nan"), float("inf"))),
        (not_negative, (0, 2), (-1e-9, float("nan"), float("inf"))),
        (fraction, (0, 0.999), (1, -0.1, float("nan"))),
        (share, (0, 1), (1.001, -0.1, float("nan"))),
    ],
)
def test_the_bounds_of_each_check(check: Callable[..., None], good: tuple[float, ...], bad: tuple[float, ...]) -> None:
    for value in good:
        check(some_flag=value)
    for value in bad:
        with pytest.raises(UserError, match=r"^some_flag (must be|is a share) "):
            check(some_flag=value)


def test_the_bounds_of_whole_numbers() -> None:
    at_least(2, batch=2)
    usable_seed(0)
    usable_seed(2**63 - 1)
    with pytest.raises(UserError, match=r"^batch must be 2 or more, got 1"):
        at_least(2, batch=1)


@pytest.mark.parametrize("decay", [0.0, 1e-20, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 7])
def test_the_learning_rate_falls_over_the_last_share_of_the_steps(decay: float, steps: int) -> None:
    schedule = decayed(steps, decay)
    rates = [schedule(t) if schedule else 1.0 for t in range(steps)]
    assert all(0 < rate <= 1 for rate in rates) and rates == sorted(rates, reverse=True) and rates[0] == 1
    assert sum(rate < 1 for rate in rates) <= steps * decay


def test_the_largest_seed_trains() -> None:
    """What is let through must not fail in torch or NumPy later."""
    run = build("ebgan-pt-mnist", data="digits", width=4, seed=2**63 - 1)
    data = run.training_set()
    one = Trainer(run.game, Batches(data.images, data.labels, 4, run.seed), seed=run.seed)
    assert all(bool(torch.isfinite(v)) for v in one.step().values())


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^device cuda: torch .* sees no CUDA device here; use device cpu"):
        build("ebgan-pt-mnist", device="cuda")


def test_ebgan_mnist_is_the_paper_s_figure_4b_and_with_pt_4c() -> None:
    plain, pulled = build("ebgan-mnist"), build("ebgan-mnist", pt=0.1)
    assert plain.game.hyperparameters == {"margin": 10.0} and pulled.game.hyperparameters == {"margin": 10.0, "pt": 0.1}
    weights = [tuple(w.shape) for w in plain.game.players["G"].net.parameters() if w.ndim == 2]
    assert weights == [(800, 100), (800, 800), (800, 800), (800, 800), (1024, 800)]  # nLayerG 5, sizeG 800
    weights = [tuple(w.shape) for w in plain.game.players["D"].net.parameters() if w.ndim == 2]
    assert weights == [(1024, 1024), (1024, 1024)]  # nLayerD 2, sizeD 1024, on 32 x 32


@pytest.mark.parametrize(
    ("recipe", "norm", "d"),
    [
        ("ebgan-pt-mnist", 16, 1024),
        ("ebgan-mnist", 10, 1024),
        ("ebgan-pt-64", 20, 12288),
        ("ebgan-pt-128", 40, 49152),
        ("ebgan-pt-256", 80, 196608),
        ("energy-losses-mnist", 16, 1024),
        ("conditional-ebgan-pt-mnist", 16, 1024),
    ],
)
def test_a_default_margin_follows_the_energys_unit(recipe: str, norm: float, d: int) -> None:
    """Margin 20 on a mean squared error would never let the hinge go."""
    for kind, expected in (("l2", norm), ("ssq", norm**2), ("mse", norm**2 / d)):
        game = build(recipe, data="digits", energy=kind, steps=4).game
        assert game.hyperparameters["margin"] == pytest.approx(expected)
    assert build(recipe, data="digits", energy="mse", margin=3.0, steps=4).game.hyperparameters["margin"] == 3.0


def test_maxout_gan_mnist_has_the_authors_settings() -> None:
    """Section 1 of the paper's code: both at once, D's loss halved (which is half its rate), z ~ U(-sqrt 3, sqrt 3)."""
    game = build("maxout-gan-mnist").game
    assert [len(moves) for moves in game.turns.values()] == [2]
    g, d = game.players["G"].optimizer, game.players["D"].optimizer
    assert g == AnnealedSGD(0.1) and d == AnnealedSGD(0.05, floor=5e-7)
    z = game.noise["z"](torch.Generator().manual_seed(0), 1000)
    assert z.shape == (1000, 100) and 1.72 < float(z.max()) < 3**0.5 and -(3**0.5) < float(z.min()) < -1.72
    weights = [tuple(w.shape) for w in game.players["G"].net.parameters() if w.ndim == 2]
    assert weights == [(1200, 100), (1200, 1200), (784, 1200)]
    weights = [tuple(w.shape) for w in game.players["D"].net.parameters() if w.ndim == 2]
    assert weights == [(1200, 784), (1200, 240), (1, 240)]
    start = build("maxout-gan-mnist", mean=0.25).game.players["G"].net.net[-2].bias
    torch.testing.assert_close(start.sigmoid(), torch.full((784,), 0.25))


def kinds(net: torch.nn.Module) -> set[str]:
    return {type(layer).__name__ for layer in net.modules()}


@pytest.mark.parametrize("recipe", ["wgan-gp-mnist", "wgan-gp-stacked", "r3gan-mnist", "unrolled-mnist"])
def test_a_critic_whose_slope_counts_reads_each_image_by_itself(recipe: str, tmp_path: Path) -> None:
    norm = {"norm": True} if recipe == "wgan-gp-mnist" else {}
    run = build(recipe, **{**arguments(recipe, tmp_path / "run"), **norm})
    G, D = (player.net for player in run.game.players.values())
    assert "BatchNorm" not in kinds(D) and ("BatchNorm" in kinds(G)) != (recipe == "wgan-gp-mnist")


def test_wgan_trains_without_batch_norm_and_with_a_connected_generator() -> None:
    for generator, norm, expected in (("conv", True, (1, 1)), ("conv", False, (0, 0)), ("mlp", True, (0, 1))):
        players = build("wgan-mnist", generator=generator, norm=norm, width=4).game.players
        assert tuple("BatchNorm" in kinds(players[name].net) for name in "Gf") == expected
        assert ("ConvTranspose2d" in kinds(players["G"].net)) == (generator == "conv")


def test_every_layer_of_the_hinge_discriminator_has_a_spectral_norm() -> None:
    net = build("hinge-mnist", width=4).game.players["D"].net
    layers = [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    normed = [layer.layer for layer in net.modules() if isinstance(layer, SpectralNorm)]
    assert len(layers) == 4 and all(a is b for a, b in zip(layers, normed, strict=True))


@pytest.mark.parametrize(
    ("recipe", "flag", "table"),
    [
        ("fgan-mnist", "divergence", DIVERGENCES | FAMILIES),
        ("energy-losses-mnist", "loss", LOSSES),
        ("ladder-mnist", "costs", COSTS),
        ("ladder-mnist", "combinator", COMBINATORS),
        ("ebgan-ln-mnist", "combinator", COMBINATORS),
    ],
)
def test_a_choice_names_every_row_of_its_table(recipe: str, flag: str, table: dict[str, Any]) -> None:
    assert set(get_args(get_type_hints(RECIPES[recipe])[flag])) == set(table)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("nets", ["conv", "mlp"])
def test_fgan_trains_by_every_divergence(divergence: str, nets: str) -> None:
    run = build("fgan-mnist", data="digits", divergence=divergence, nets=nets, width=4, z=8, loss="bound")
    data = run.training_set()
    one = Trainer(run.game, Batches(data.images, data.labels, 4, run.seed), seed=run.seed)
    assert all(bool(torch.isfinite(v)) for _ in range(2) for v in one.step().values())


@pytest.mark.parametrize("recipe", ["gmmn-mnist", "wgan-gp-mnist", "fgan-mnist", "began-mnist"])
def test_a_run_of_any_kind_of_players_is_sampled_scored_exported_and_reported(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No critic at all; a critic f, and noise that no sample needs; a critic V; a third player."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    folder, scores = str(trained(tmp_path / "run", recipe, steps=3)), tmp_path / "scores.csv"
    for command in (
        ["sample", folder, "--n", "3", "--out", str(tmp_path / "three.npz")],
        ["evaluate", folder, "--n", "3"],
        ["export", folder, "--out", str(tmp_path / "exported"), *(["--onnx"] if recipe == "wgan-gp-mnist" else [])],
        ["report", folder],
    ):
        assert main(command) == 0
    parts = {path.stem for path in (tmp_path / "exported").glob("*.safetensors")}
    capsys.readouterr()
    code = main(["score", "digits", "--run", folder, "--out", str(scores)])
    if recipe in ALONE:
        assert code == 2 and sentence(capsys).startswith(
            "energan: `energan score` needs a system that can score images by their energy"
        )
        assert parts == {"generator"} and not scores.exists()
    else:
        assert code == 0 and len(scores.read_text().splitlines()) == 257 and parts == {"generator", "energy"}


def test_the_hidden_layers_of_recipes_are_the_networks() -> None:
    assert labelled_data.HIDDEN == HIDDEN  # recipes have their own, for help without torch


def test_an_argument_that_a_recipe_has_not_is_refused() -> None:
    with pytest.raises(TypeError, match="gan_mnist has no argument widht"):
        build("gan-mnist", widht=3)
    with pytest.raises(UserError, match="batch auto is for `energan train`"):
        build("gan-mnist", batch="auto")


@pytest.mark.parametrize("recipe", ["ebgan-pt-mnist", "encoder-mnist", "ladder-mnist", "gan-mnist", "dcgan-64"])
def test_the_range_of_values_is_a_flag(recipe: str, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        deep = np.full((64, 64), 4000 if name == "dog" else 0, np.uint16)
        Image.fromarray(deep).save(tmp_path / name / "0.png")
    small = {name: 2 for name in ("classes", "labels") if name in FLAGS[recipe]}
    flags = {**SMALL[recipe], "data": str(tmp_path), **small}
    measured, given = build(recipe, **flags), build(recipe, **flags, value_range=(0, 16383))
    assert measured.training_set().value_range == (0, 4095)
    assert given.training_set().value_range == (0, 16383)
    assert given.training_set().images.max() == round(4000 / 16383 * 255)
