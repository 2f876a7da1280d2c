"""A run that draws by chains and what leads them, its own classifier or any other, as commands name them."""

import sys
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from energan.commands.score import unlabelled
from energan.data import ImageSet
from energan.data.pixels import to_unit
from energan.engine.game import SamplerSettings
from energan.inference.guided import TOGETHER, LatentMaps, latent_maps, sample_guided
from energan.inference.model import CHUNK, Model
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import extract_features
from energan.recipes.plug_and_play.encoder import class_names, open_classifier
from energan.runs.folder import RunFolder
from energan.samplers.chains import Map, Trace
from energan.samplers.inpainting import Context
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.progress import counted

NAMES = 20  # classes that an error message names


class GuidedRun(NamedTuple):
    """A run that draws by chains, with what leads them."""

    model: Model
    record: dict[str, Any]
    maps: LatentMaps
    net: nn.Module | None  # the classifier's, for its layers; None where the run's own has none to name
    logits: Map
    classes: tuple[str, ...]
    chain: SamplerSettings

    def lead(
        self,
        classes: Int[Tensor, " n"],
        *,
        seed: int,
        logits: Map | None = None,
        start: Float[Tensor, " n *d"] | None = None,
        context: Context | None = None,
        keep: int | None = None,
    ) -> Trace:
        """Chains towards the classes, by `logits` if that watches the classifier."""
        return sample_guided(
            self.model, classes, chain=self.chain, classifier=logits or self.logits, start=start, context=context,
            seed=seed, keep=keep,
        )  # fmt: skip

    def watched(self, runs_: int, rows: int) -> Map:
        """The classifier, with a progress bar that counts the steps of `runs_` times `rows` chains."""
        return watched(self.logits, self.chain.steps * runs_ * ceil(rows / TOGETHER))

    @torch.no_grad()
    def probabilities(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """What the classifier says."""
        return torch.cat([self.logits(to_unit(chunk)).float().softmax(1) for chunk in images.split(CHUNK)])

    def images(self, source: str, split: str = "") -> ImageSet:
        """Anyone's images, in the run's size and colours."""
        return unlabelled(source, split, self.record)


def watched(C: Map, steps: int) -> Map:
    """C, with a progress bar on stderr that counts how often it is asked."""
    bar = counted(range(steps), steps, "chains", unit="steps", show=sys.stderr.isatty())
    next(bar)

    def read(x: Tensor) -> Tensor:
        next(bar, None)
        return C(x)

    return read


def open_guided_run(
    model: Model, folder: Path, classifier: str = "", module: str = "", chain: Mapping[str, Any] | None = None
) -> GuidedRun:
    """A run's model and its classifier, or another: a run's folder, or `module` with the weights of a .safetensors.

    chain: settings that are not to be the system's own; those that are None are. UserError for what cannot be used.
    """
    maps, codes, record = latent_maps(model), model.game.codes, RunFolder(folder).record
    assert codes is not None
    shape = tuple(record["data"]["shape"])
    settings = codes.chain._replace(**{name: value for name, value in (chain or {}).items() if value is not None})
    at_least(1, chain_steps=settings.steps)
    net, logits = (
        next((net.module for net in model.nets.values() if isinstance(net, FeatureExtractor)), None),
        maps.logits,
    )
    if classifier or module:
        net = open_classifier(classifier, module, 0)
        extract_features(net, (), shape)[0].release()  # refused if it does not take such images
        logits = net
    with torch.no_grad():
        count = logits(torch.zeros(1, *shape)).shape[1]
    names = _classes(classifier, module, record)
    return GuidedRun(model, record, maps, net, logits, named(names, count), settings)


def _classes(classifier: str, module: str, record: dict[str, Any]) -> tuple[str, ...]:
    """The names of the classes of what leads, where they are known: another run's, or those in run.json."""
    if classifier or module:
        return class_names(classifier, module) or ()
    return tuple(map(str, record["classes"]))


def named(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The names, if they are as many as there are classes; numbers if not."""
    return tuple(names) if len(names) == count else tuple(map(str, range(count)))


def chosen(text: str, names: tuple[str, ...]) -> list[int]:
    """Classes by name or by number, with commas between; "all" for all. UserError for one that there is not."""
    if text.strip() == "all":
        return list(range(len(names)))
    numbers = {str(i): i for i in range(len(names))} | {name: i for i, name in enumerate(names)}
    asked = [part.strip() for part in text.split(",")]
    for part in asked:
        if part not in numbers:
            more = f", ... ({len(names)} in all)" if len(names) > NAMES else ""
            raise UserError(f"there is no class {part!r}; there are {', '.join(names[:NAMES])}{more}")
    return [numbers[part] for part in asked]
