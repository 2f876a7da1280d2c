"""What a trained game that draws by chains can do: invert images, and draw what any classifier asks for.

`steer(model, classes)` runs one chain for each class asked for, with the settings that the system was published with.
A classifier is a callable, images (n, c, h, w) in [-1, 1] -> logits (n, classes), in eval mode; without one, it is that
which the system was made with.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_bytes, to_unit
from energan.engine.game import Batch, LatentSpace, Players, Readout, SamplerSettings
from energan.engine.precision import autocast
from energan.inference.model import CHUNK, UNSEEN, Model
from energan.samplers.chains import Bounds, Map, Trace, row_seeds
from energan.samplers.inpainting import Context
from energan.samplers.mala import mala_approx
from energan.utils.errors import UserError

TOGETHER = 50  # chains at a time


class LatentMaps(NamedTuple):
    """The maps of `game.Codes`, of tensors."""

    encode: Map
    decode: Map
    prior: Map | None
    logits: Map
    clip: Bounds | None


@final
class CachedForward(nn.Module):
    """A net that remembers its last pass with gradients, for the pass without that follows.

    A step of a chain climbs C(E(G(h))), and then asks for R(h) = E(G(h)): a third of its time saved.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self._kept: tuple[tuple[Tensor, ...], Any] = ((), None)

    def forward(self, *inputs: Tensor) -> Any:
        known, output = self._kept
        if not torch.is_grad_enabled() and len(known) == len(inputs) and all(map(torch.equal, known, inputs)):
            return output
        output = self.net(*inputs)
        if torch.is_grad_enabled():
            self._kept = (tuple(x.detach().clone() for x in inputs), output)
        return output


def _codes(model: Model) -> LatentSpace:
    if model.game.codes is None:
        raise UserError("this run's system has no codes to look for: train one of plug and play (energan list)")
    return model.game.codes


def latent_maps(model: Model) -> LatentMaps:
    """The model's maps between images, codes and logits. UserError for a system that does not draw by chains."""
    codes = _codes(model)
    p = Players({name: CachedForward(net) for name, net in model.nets.items()})

    def of(read: Readout, letter: str) -> Map:
        return lambda values: read(p, Batch({letter: values}))

    bounds = codes.bounds(p, Batch({})) if codes.bounds else None
    return LatentMaps(
        of(codes.encode, "x"),
        of(codes.decode, "h"),
        of(codes.prior, "h") if codes.prior else None,
        of(codes.logits, "x"),
        codes.chain.clip if bounds is None else (bounds[0], bounds[1]),
    )


@torch.no_grad()
def reconstruct(model: Model, images: UInt8[Tensor, "n c h w"]) -> UInt8[Tensor, "n c h w"]:
    """What the generator makes of each image's code."""
    maps = latent_maps(model)
    chunks = [maps.decode(maps.encode(to_unit(chunk.to(model.device)))) for chunk in images.split(CHUNK)]
    return torch.cat([to_bytes(chunk).cpu() for chunk in chunks])


def starts(model: Model, n: int, seed: int) -> Float[Tensor, " n *d"]:
    """n codes that chains start from; a larger n continues them."""
    generator = torch.Generator(model.device).manual_seed(seed + UNSEEN)
    return torch.cat([_codes(model).start(generator, CHUNK) for _ in range(0, n, CHUNK)])[:n]


def sample_guided(
    model: Model,
    classes: Int[Tensor, " n"],
    *,
    chain: SamplerSettings | None = None,
    classifier: Map | None = None,
    start: Float[Tensor, " n *d"] | None = None,
    context: Context | None = None,
    seed: int = 0,
    keep: int | None = None,
    precision: str = "fp32",
    progress: Callable[[list[slice]], Iterator[slice]] = iter,
) -> Trace:
    """A chain towards each of n classes: codes, and G's images, in [-1, 1] but for what G oversteps.

    chain     settings, the system's own by default
    start     codes to start from; by default the system's, drawn by `seed`, which also gives each chain its noise
    context   inpainting: the prior and the classifier see what is known of the image
    precision "bf16": the nets by autocast, codes in float32
    progress  told of the chains of each part, so that one can be shown

    UserError as `samplers.mala_approx`, and for a system that does not draw by chains.
    """
    maps, codes = latent_maps(model), _codes(model)
    settings, h = chain or codes.chain, starts(model, len(classes), seed) if start is None else start
    prior, encode, decode = maps.prior, maps.encode, maps.decode
    if context is not None and prior is not None:
        fixed = context
        prior = lambda h: encode(fixed.paste(decode(h)))  # noqa: E731
    seeds, traces = row_seeds(seed, len(classes)), []
    for rows in progress([slice(i, i + TOGETHER) for i in range(0, len(classes), TOGETHER)]):
        with autocast(precision, model.device):
            traces.append(
                mala_approx(
                    prior if settings.eps1 else None, decode, classifier or maps.logits, h[rows], classes[rows],
                    context=context, seed=seeds[rows], keep=keep,
                    **{**settings._asdict(), "clip": maps.clip if chain is None or chain.clip is None else chain.clip},
                )
            )  # fmt: skip
    images = torch.cat([trace.images.float() for trace in traces if trace.images is not None], 1)
    return Trace(traces[0].steps, torch.cat([trace.codes for trace in traces], 1), images)


def final_images(trace: Trace) -> UInt8[Tensor, "n c h w"]:
    """The images that the chains end in, as bytes on the CPU."""
    assert trace.images is not None
    return to_bytes(trace.images[-1]).cpu()
