"""A run that draws by chains, and the classifier that guides them: its own or another."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.engine.game import SamplerSettings
from energan.explore.class_names import class_names
from energan.explore.guidance import Guidance
from energan.inference.chunks import CHUNK
from energan.inference.guided import CHAINS, LatentMaps, latent_maps, latent_space, sample_guided
from energan.inference.model import Model
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import extract_features
from energan.recipes.plug_and_play.encoder import known_classes, open_classifier
from energan.runs.folder import RunFolder
from energan.samplers.chains import Map, Trace
from energan.samplers.inpainting import Context
from energan.utils.checks import at_least
from energan.utils.console import counted


class GuidedRun(NamedTuple):
    """A run that draws by chains, with the classifier that guides them."""

    model: Model
    record: dict[str, Any]
    maps: LatentMaps
    net: nn.Module | None  # the classifier's, for its layers; None where the run's own has none to name
    logits: Map
    classes: tuple[str, ...]
    chain: SamplerSettings

    def run_chains(
        self,
        classes: Int[Tensor, " n"],
        *,
        seed: int,
        logits: Map | None = None,
        start: Float[Tensor, " n *d"] | None = None,
        context: Context | None = None,
        keep: int | None = None,
    ) -> Trace:
        """Runs chains towards the classes; `logits` overrides the classifier (for a progress bar)."""
        return sample_guided(
            self.model,
            classes,
            chain=self.chain,
            classifier=logits or self.logits,
            start=start,
            context=context,
            seed=seed,
            keep=keep,
        )

    def logits_with_progress(self, calls: int, rows: int) -> Map:
        """The classifier, with a progress bar over the steps of all calls of `run_chains`, each with `rows` chains."""
        return with_progress(self.logits, self.chain.steps * calls * ceil(rows / CHAINS))

    @torch.no_grad()
    def probabilities(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The classifier's probability of each class, for each image."""
        chunks = [to_unit(chunk.to(self.model.device)) for chunk in images.split(CHUNK)]
        return torch.cat([self.logits(x).float().softmax(1).cpu() for x in chunks])


def with_progress(f: Map, steps: int) -> Map:
    """f, with a progress bar on stderr that counts its calls."""
    bar = counted(range(steps), steps, "chains", unit="steps")
    next(bar)

    def count_and_call(x: Tensor) -> Tensor:
        next(bar, None)
        return f(x)

    return count_and_call


def open_guided_run(
    model: Model, folder: Path, guidance: Guidance = Guidance(), settings: Mapping[str, Any] | None = None
) -> GuidedRun:
    """A run's model with its classifier, or with another.

    guidance  the other classifier: a run's folder, or `module` with the weights of a .safetensors file
    settings  fields of SamplerSettings that replace the system's own

    UserError if the system has no latent space, or the classifier or a setting cannot be used.
    """
    maps, record = latent_maps(model), RunFolder(folder).record
    chain = latent_space(model).chain._replace(**(settings or {}))
    at_least(1, chain_steps=chain.steps)
    shape = tuple(record["data"]["shape"])
    net: nn.Module | None
    if guidance == Guidance():
        net = next((net.module for net in model.nets.values() if isinstance(net, FeatureExtractor)), None)
        logits = maps.logits
    else:
        net = logits = open_classifier(guidance.classifier, guidance.module, 0).to(model.device)
        extract_features(net, (), shape)[0].release()  # refused if it does not take such images
    with torch.no_grad():
        count = logits(torch.zeros(1, *shape, device=model.device)).shape[1]
    return GuidedRun(model, record, maps, net, logits, class_names(_classifier_classes(guidance, record), count), chain)


def _classifier_classes(guidance: Guidance, record: dict[str, Any]) -> tuple[str, ...]:
    """The names of the classifier's classes, where they are known: another run's, or those in run.json."""
    if guidance.classifier or guidance.module:
        return known_classes(guidance.classifier, guidance.module) or ()
    return tuple(map(str, record["classes"]))
