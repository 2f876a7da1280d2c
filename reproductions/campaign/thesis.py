"""The thesis' six runs of latent discriminators at its width and length; reproductions.latent has their small ones."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from energan.capabilities.inversion.measure import reconstruction
from energan.data import load
from energan.data.pixels import to_bytes
from energan.inference.guided import sample_guided
from energan.inference.model import Model
from energan.metrics.features.catalog import Description
from energan.recipes.plug_and_play import encoder
from energan.recipes.plug_and_play.latent_discriminators import THESIS_RUNS
from energan.utils.errors import UserError
from energan.utils.files import cache_dir
from reproductions.campaign.entry import Conditions, Entry, Models, images_of
from reproductions.campaign.images import Drawn, by_seed
from reproductions.latent import OF_CHAINS, OF_IMAGES, TITLES, of_chains

RECIPE = "latent-discriminators-mnist"
EACH = 10  # chains towards each digit
TOY = {
    "data": "digits", "width": 1, "batch": 4, "critic_steps": 1, "warm_steps": 2, "chain_steps": 2, "each": 4,
    "module": "energan.networks.conv.latent_discriminators:Encoder",  # as it is initialised
}  # fmt: skip
OPEN = "MNIST's 60,000 images for 4,993 steps of G, as replaying the thesis' loop gives; its chains, measured anew"


def entries(where: Conditions) -> list[Entry]:
    settings: dict[str, Any] = {
        "recipe": RECIPE, "data": "mnist", "width": 64, "batch": 32, "lr": 1e-4, "beta1": 0.5, "beta2": 0.9,
        "critic_steps": 5, "warm_steps": 100, "chain_steps": 200, "image_loss": 2.0, "code_loss": 0.1,
        "adversarial": 1.0, "penalty": 10.0, "each": EACH, "precision": where.precision(),
    }  # fmt: skip
    steps, tested, seeds, looks = 4_993, 10_000, 3, 2
    if where.toy:
        settings |= TOY
        steps, tested, seeds, looks = 2, 32, 1, 1
    return [
        _entry(where, variant, {**settings, "variant": variant}, steps, tested, seeds, looks) for variant in THESIS_RUNS
    ]


def _entry(
    where: Conditions, variant: str, settings: dict[str, Any], steps: int, tested: int, seeds: int, looks: int
) -> Entry:
    arguments = {k: v for k, v in settings.items() if k not in ("recipe", "each")} | {"steps": steps}
    measure = partial(_measure, each=settings["each"], precision=settings["precision"])
    drawn = Drawn(RECIPE, arguments, by_seed, measure, tested, "mnist")
    return Entry(
        name=f"thesis-{variant}",
        table="The thesis' six runs",
        about=TITLES[variant],
        steps=steps,
        seeds=tuple(range(seeds)),
        settings={**settings, "tested": tested},
        build=partial(_models, drawn, where.toy),
        shown=(*OF_CHAINS, *OF_IMAGES),
        looks=looks,
        published="pictures only",
        open=OPEN,
        needs=images_of("mnist") | {"the encoder": lambda: encoder.trained_classifier("mnist", 10)},
    )


def _models(drawn: Drawn, toy: bool, seeds: Sequence[int], device: str) -> Models:
    """The models. UserError where the encoder was not trained yet: that takes minutes, which no piece has."""
    if not toy:
        digest = load(drawn.arguments["data"], "train", size=28, channels=1).sha256[:16]
        folder = cache_dir() / "encoders" / f"thesis-{digest}"
        if not (folder / "run.json").is_file():
            raise UserError(f"the encoder of the thesis' runs is not in {folder}: `--prepare` trains it")
    return drawn.models(seeds, device)


def _measure(
    model: Model, images: Tensor, real: Description, *, each: int, precision: str
) -> tuple[dict[str, float], Tensor]:
    """What reproductions.latent measures of a run: its reconstructions, and so many chains towards each digit."""
    _, values = reconstruction(model, images, real, "mnist")
    asked = torch.arange(10).repeat_interleave(each)
    trace = sample_guided(model, asked, precision=precision)
    assert trace.images is not None
    drawn = to_bytes(trace.images[-1]).cpu()
    first = Description(real.features[:2000], None if real.logits is None else real.logits[:2000])
    return values | of_chains(model, drawn, asked, first), drawn
