"""Classifier-guided chains of a trained game that has a latent space: reconstruct images, and draw a class.

`sample_guided(model, classes)` runs one chain for each class, with the settings that the system was published with.
A classifier is a callable in eval mode, images (n, c, h, w) in [-1, 1] -> logits (n, classes); by default it is the one
that the system was trained with.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_bytes, to_unit
from energan.engine.game import Batch, LatentSpace, Players, Readout, SamplerSettings
from energan.engine.isolation import isolated
from energan.engine.precision import autocast
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.inference.pictures.images import as_pixels
from energan.samplers.chains import Bounds, Map, Trace, row_seeds
from energan.samplers.inpainting import Context
from energan.samplers.mala import mala_approx

CHAINS = 50  # at a time


class LatentMaps(NamedTuple):
    """The maps of `game.LatentSpace` as functions of tensors."""

    encode: Map
    decode: Map
    prior: Map | None
    logits: Map
    clip: Bounds | None


@final
class CachedForward(nn.Module):
    """A net that remembers its last pass with gradients, for the pass without that follows.

    A step of a chain climbs C(E(G(h))), and then evaluates R(h) = E(G(h)): the cache saves a third of its time.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self._last: tuple[tuple[Tensor, ...], Any] = ((), None)

    def forward(self, *inputs: Tensor) -> Any:
        known, output = self._last
        if not torch.is_grad_enabled() and len(known) == len(inputs) and all(map(torch.equal, known, inputs)):
            return output
        output = self.net(*inputs)
        if torch.is_grad_enabled():
            self._last = (tuple(x.detach().clone() for x in inputs), output)
        return output


def latent_space(model: Model) -> LatentSpace:
    """The system's latent space. UserError if it has none."""
    model.require("latent space")
    assert model.game.codes is not None
    return model.game.codes


def latent_maps(model: Model) -> LatentMaps:
    """Gives the model's maps between images, codes and logits.

    Args:
        model: A model whose system has a latent space.

    Returns:
        encode: images (n, c, h, w) in [-1, 1] -> codes (n, *d); decode: the way back; prior: codes -> codes, or None;
        logits: images -> (n, classes); clip: lowest and highest codes, or None.

    Raises:
        UserError: The system has no latent space.

    Example:
        >>> from energan.games.plug_and_play.latent_discriminators import latent_discriminators
        >>> from energan.networks.layers import FeatureExtractor
        >>> E = FeatureExtractor(nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Linear(4, 3)), ["1"])
        >>> G = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4)))
        >>> game = latent_discriminators(E, G, {}, h=4, S=nn.Identity(), code="1", matched={"x": 1.0})
        >>> model = Model(game, {"E": E, "G": G})
        >>> maps = latent_maps(model)
        >>> maps.decode(maps.encode(torch.zeros(2, 1, 4, 4))).shape
        torch.Size([2, 1, 4, 4])
    """
    space = latent_space(model)
    model.require_eval_mode()
    p = Players({name: CachedForward(net) for name, net in model.nets.items()})

    def of(read: Readout, letter: str) -> Map:
        return lambda values: read(p, Batch({letter: values}))

    bounds = space.bounds(p, Batch({})) if space.bounds else None
    return LatentMaps(
        of(space.encode, "x"),
        of(space.decode, "h"),
        of(space.prior, "h") if space.prior else None,
        of(space.logits, "x"),
        space.chain.clip if bounds is None else (bounds[0], bounds[1]),
    )


@isolated(gradients=False)
def reconstruct(
    model: Model, images: Any, *, value_range: tuple[float, float] | None = None
) -> UInt8[Tensor, "n c h w"]:
    """Gives each image's reconstruction, the decoded code of the image.

    Args:
        model: A model whose system has a latent space.
        images: As those of `Model.score`: bytes from 0 to 255; other numbers with `value_range`.
        value_range: The values that are black and white, such as (0, 1) or (-1, 1).

    Returns:
        The reconstructions (n, c, h, w), bytes from 0 to 255.

    Raises:
        UserError: The system has no latent space, or the images cannot be read as this model's.

    Example:
        >>> from energan.games.plug_and_play.latent_discriminators import latent_discriminators
        >>> from energan.networks.layers import FeatureExtractor
        >>> E = FeatureExtractor(nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Linear(4, 3)), ["1"])
        >>> G = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4)))
        >>> game = latent_discriminators(E, G, {}, h=4, S=nn.Identity(), code="1", matched={"x": 1.0})
        >>> model = Model(game, {"E": E, "G": G})
        >>> reconstruct(model, torch.zeros(2, 1, 4, 4, dtype=torch.uint8)).shape
        torch.Size([2, 1, 4, 4])
    """
    maps, pixels = latent_maps(model), as_pixels(images, model.shape, value_range)
    chunks = [maps.decode(maps.encode(to_unit(chunk.to(model.device)))) for chunk in pixels.split(CHUNK)]
    return torch.cat([to_bytes(chunk).cpu() for chunk in chunks])


def start_codes(model: Model, n: int, seed: int) -> Float[Tensor, " n *d"]:
    """n random start codes; a larger n starts with the same codes. UserError without a latent space."""
    generator = model.noise_of_seed(seed)
    return torch.cat([latent_space(model).start(generator, CHUNK) for _ in range(0, n, CHUNK)])[:n]


@isolated()
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
    """Runs one classifier-guided chain towards each class.

    Args:
        model: A model whose system has a latent space.
        classes: The class of each of n chains.
        chain: Sampler settings; the system's own by default. One without `clip` is clipped by the bounds of single
            units, where the system has them, and else not at all.
        classifier: Guides the chains: images (n, c, h, w) in [-1, 1] -> logits (n, classes); the system's by default.
        start: Start codes (n, *d); by default the system's, drawn with the seed.
        context: Inpainting: the prior and the classifier see the image with its known part pasted in.
        seed: Seed of the start codes and of each chain's noise; a larger n starts with the same chains.
        keep: Keeps each keep-th code and the last; None: the last alone.
        precision: "bf16" computes the nets by autocast, with codes in float32.
        progress: Wraps the list of slices of chains that run together, to show progress.

    Returns:
        Codes (k, n, *d) and images (k, n, c, h, w), in [-1, 1] except where the generator oversteps.

    Raises:
        UserError: The system has no latent space, or `samplers.mala_approx` refuses the input.

    Example:
        >>> from energan.games.plug_and_play.latent_discriminators import latent_discriminators
        >>> from energan.networks.layers import FeatureExtractor
        >>> E = FeatureExtractor(nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Linear(4, 3)), ["1"])
        >>> G = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4)))
        >>> game = latent_discriminators(E, G, {}, h=4, S=nn.Identity(), code="1", matched={"x": 1.0})
        >>> model = Model(game, {"E": E, "G": G})
        >>> trace = sample_guided(model, torch.tensor([2, 0]), chain=SamplerSettings(steps=2), keep=1)
        >>> trace.steps.tolist(), trace.codes.shape, trace.images.shape
        ([0, 1, 2], torch.Size([3, 2, 4]), torch.Size([3, 2, 1, 4, 4]))
    """
    maps, space = latent_maps(model), latent_space(model)
    settings, h = chain or space.chain, start_codes(model, len(classes), seed) if start is None else start
    prior = _prior_in_context(maps, context) if settings.eps1 else None
    clip = settings.clip or (maps.clip if space.bounds else None)  # a chain that names none is not clipped unasked
    seeds, traces = row_seeds(seed, len(classes)), []
    for rows in progress([slice(i, i + CHAINS) for i in range(0, len(classes), CHAINS)]):
        with autocast(precision, model.device):
            trace = mala_approx(
                prior, maps.decode, classifier or maps.logits, h[rows], classes[rows], context=context,
                seed=seeds[rows], keep=keep, **{**settings._asdict(), "clip": clip},
            )  # fmt: skip
        traces.append(trace)
    images = torch.cat([trace.images.float() for trace in traces if trace.images is not None], 1)
    return Trace(traces[0].steps, torch.cat([trace.codes for trace in traces], 1), images)


def final_images(trace: Trace) -> UInt8[Tensor, "n c h w"]:
    """The images where the chains of a sampler with a generator ended, as bytes."""
    assert trace.images is not None
    return to_bytes(trace.images[-1]).cpu()


def _prior_in_context(maps: LatentMaps, context: Context | None) -> Map | None:
    """The prior; while inpainting, the code of the decoded image with its known part pasted in."""
    if maps.prior is None or context is None:
        return maps.prior
    return lambda h: maps.encode(context.paste(maps.decode(h)))
