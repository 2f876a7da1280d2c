"""Model: a trained game, ready for use, with averaged weights, measured batch-norm statistics, in eval mode.

Its modules are ordinary ones: a sample or score never depends on its neighbours in a batch.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, final

import torch
from jaxtyping import Float, Num, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_bytes, to_unit
from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.engine.noise import Distribution, distribution
from energan.inference.chunks import CHUNK, chunk_size, fitting
from energan.inference.codes.latents import as_drawn, checked_noise, decoded_names
from energan.inference.codes.projection import Projection, projected
from energan.inference.modules import (
    ClassifierModule,
    EncoderModule,
    EnergyMapModule,
    EnergyModule,
    GeneratorModule,
    Part,
    drawn,
    inputs,
    require,
)
from energan.inference.pictures.display import model_block
from energan.inference.pictures.images import BYTES, as_pixels
from energan.inference.pictures.translation import FIRST, translated, way_of
from energan.inference.probes.paths import checked_truncation, paths
from energan.utils.checks import at_least, positive, usable_seed, whole
from energan.utils.console import counted
from energan.utils.errors import UserError
from energan.utils.hardware import fits_in_memory

NOTHING: Mapping[str, str] = {}

LAST = 10**6  # samples of a seed that have numbers: the noise of all before one is drawn to reach it

SAMPLING_SEED_OFFSET = 1 << 30  # added to seeds: sampling with the training seed would repeat the training noise


@final
class Model:
    """A trained game: draws images, scores them and classifies them, as far as its system can.

    Args:
        game: The system, with its readouts.
        nets: The trained networks by player. They are moved to the device, in float32 and eval mode.
        device: Where the networks compute.
        shape: Channels, height and width of the images that it was trained on; None: not known, so not checked.
        temperature: What a classifier's logits are divided by, so that its probabilities are calibrated; 1: they are
            not.
        about: What is known of it besides, such as the run it comes from: names and values that notebooks show.

    Example:
        >>> from energan.games.gan.lsgan import lsgan
        >>> G = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())
        >>> D = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
        >>> model = Model(lsgan(G, D, z=4), {"G": G, "D": D})
        >>> images = model.sample(3, seed=1)
        >>> images.shape, images.dtype
        (torch.Size([3, 1, 8, 8]), torch.uint8)
        >>> torch.equal(images, model.sample(5, seed=1)[:3])
        True
    """

    @isolated()
    def __init__(
        self,
        game: Game,
        nets: dict[str, nn.Module],
        device: str = "cpu",
        shape: tuple[int, int, int] | None = None,
        temperature: float = 1.0,
        about: Mapping[str, str] = NOTHING,
    ) -> None:
        self.game, self.nets, self.device, self.shape = game, nets, torch.device(device), shape
        self.temperature, self.about = temperature, about
        for net in nets.values():
            net.to(self.device, torch.float32).eval().requires_grad_(False)

    def require(self, part: Part) -> None:
        """Checks that the system has a part: "generator", "encoder", "energy", "energy map", "classifier" or "latent
        space".

        Raises:
            UserError: The system lacks it; one sentence says so.
        """
        require(self.game, part)

    @cached_property
    def generator(self) -> GeneratorModule:
        """The generator as a module: noise -> images (n, c, h, w) in [-1, 1].

        Raises:
            UserError: The system draws no images, or draws them by chains.
        """
        return GeneratorModule(self.game, self.nets).eval()

    @cached_property
    def encoder(self) -> EncoderModule:
        """The encoder as a module: images (n, c, h, w) in [-1, 1] -> the noise that it reads from them, by name.

        Raises:
            UserError: The system reads no noise from images.
        """
        return EncoderModule(self.game, self.nets).eval()

    @cached_property
    def energy(self) -> EnergyModule:
        """The energy as a module: images (n, c, h, w) in [-1, 1] -> (n,), high for images unlike the training data.

        Raises:
            UserError: The system has no energy.
        """
        return EnergyModule(self.game, self.nets).eval()

    @cached_property
    def classifier(self) -> ClassifierModule:
        """The classifier as a module: images (n, c, h, w) in [-1, 1] -> logits (n, classes), calibrated.

        Raises:
            UserError: The system does not classify.
        """
        return ClassifierModule(self.game, self.nets, self.temperature).eval()

    def calibrated(self, temperature: float) -> "Model":
        """The same model, with a classifier whose logits are divided by the temperature.

        Raises:
            UserError: The temperature is not above 0.
        """
        positive(temperature=temperature)
        return Model(self.game, self.nets, str(self.device), self.shape, temperature, self.about)

    def _repr_html_(self) -> str:
        """What a notebook shows: what the model is, and samples of seed 0. It leaves all random numbers as they are."""
        known = {**self.about, "device": str(self.device)}
        known |= {} if self.shape is None else {"images": " x ".join(map(str, self.shape))}
        return model_block(self.game, self.nets, known, max(self.shape or (0, 0, 0)), self.sample)

    @property
    def classes(self) -> int:
        """How many classes `sample` can draw: the width of c where that is a class, else 0."""
        conditions = self.game.conditions
        return self.asked_width if conditions is None or conditions.kind == "classes" else 0

    def noise(self, n: int, generator: torch.Generator) -> list[Tensor]:
        """n rows of each input of the generator, in its order: noise, and conditions as training had them."""
        return list(drawn(self.game, self.nets, n, generator).values())

    @isolated(gradients=False)
    def sample(
        self,
        n: int,
        seed: int = 0,
        class_index: int | None = None,
        *,
        conditions: Float[Tensor, "n d"] | None = None,
        truncation: float | None = None,
    ) -> UInt8[Tensor, "n c h w"]:
        """Draws images; the same seed gives the same images, and a larger n starts with the same images.

        Args:
            n: How many.
            seed: Seed of the noise.
            class_index: The class to draw, for a system that draws classes; None: classes at random.
            conditions: What each image is asked to show, a row each, for a system that can be asked (`Conditions`);
                None: as in training, at random.
            truncation: How far a number of the noise may be from its mean, in standard deviations: each image becomes a
                more usual one (inference.probes.paths.truncated). None: as far as it is.

        Returns:
            n images (n, c, h, w), bytes from 0 to 255.

        Raises:
            UserError: The system draws no images, or not that class; n is below 1, or more than fit into memory; the
                seed is none; conditions are not n rows of this system's width; a network was put into training mode;
                the noise cannot be truncated, or not so.
        """
        n, generator = self._drawn(n), self.noise_of_seed(seed)
        draw, asked = self.generator, self._asked(n, class_index, conditions)
        truncated = checked_truncation(truncation, self.distributions)
        chunks = []
        for start in counted(range(0, n, CHUNK), n, "drawing images", each=CHUNK):
            noise, wanted = self.noise(CHUNK, generator), min(CHUNK, n - start)
            if asked is not None:
                place, rows = draw.inputs.index("c"), torch.arange(start, start + CHUNK).clamp(max=n - 1)
                noise[place] = asked[rows].to(noise[place])  # all noise of a chunk has as many rows
            noise = [truncated(name, z) for name, z in zip(draw.inputs, noise, strict=True)]
            chunks += self._draw_chunk(draw, noise, wanted)
        return torch.cat(chunks)[:n].contiguous()

    @isolated(gradients=False)
    def conditions(self, n: int, seed: int = 0) -> Float[Tensor, "n d"]:
        """What `sample` of this n and seed asks for where it is not told: a row of c for each image.

        Args:
            n: How many.
            seed: Seed of the noise.

        Raises:
            UserError: The system cannot be asked for anything; n is below 1, or more than fit into memory.
        """
        n, generator, names = self._drawn(n), self.noise_of_seed(seed), self.generator.inputs
        if "c" not in names:
            raise UserError("this run's system cannot be asked for anything: it draws what it draws")
        place = names.index("c")
        return torch.cat([self.noise(CHUNK, generator)[place].cpu() for _ in range(0, n, CHUNK)])[:n]

    @isolated(gradients=False)
    def noise_of(
        self,
        numbers: Sequence[int],
        seed: int = 0,
        class_index: int | None = None,
        *,
        conditions: Float[Tensor, "n d"] | None = None,
    ) -> dict[str, Tensor]:
        """The noise of samples, by its name: what `decode` draws them from.

        Args:
            numbers: Which samples, as `sample` of this seed numbers them, from 0 on.
            seed: Seed of the noise.
            class_index: The class that they are of, as in `sample`.
            conditions: What they are asked to show, as in `sample`.

        Returns:
            A row of each noise for each number, and of c where the system is asked for something.

        Raises:
            UserError: The system draws no images, or not that class; a number is none; conditions are not a row for
                each number.
        """
        self.require("generator")
        wanted = torch.tensor([numbered(number) for number in numbers], dtype=torch.int64)
        at_least(1, numbers=len(wanted))
        generator, asked = self.noise_of_seed(seed), self._asked(len(wanted), class_index, conditions)
        names, found = self.generator.inputs, dict[str, Tensor]()
        for start in range(0, int(wanted.max()) + 1, CHUNK):
            noise = dict(zip(names, self.noise(CHUNK, generator), strict=True))
            here = torch.nonzero((start <= wanted) & (wanted < start + CHUNK)).flatten()
            for name in self.decoded if len(here) else ():
                rows = found.setdefault(name, torch.zeros(len(wanted), *noise[name].shape[1:]))
                rows[here] = noise[name][(wanted[here] - start).to(noise[name].device)].float().cpu()
        return found if asked is None else found | {"c": asked.float()}

    @property
    def distributions(self) -> dict[str, Distribution]:
        """The distribution of each noise that images are drawn from, by its name; conditions are none."""
        return {name: distribution(self.game.noise[name]) for name in self.decoded if name != "c"}

    def interpolate(
        self, first: Mapping[str, Tensor], last: Mapping[str, Tensor], frames: int = 24
    ) -> UInt8[Tensor, "n frames c h w"]:
        """Draws the way from noise to noise: along great circles where it is normal, else along straight lines.

        Conditions, c, go along straight lines, too. A category stays what it is in `first`.

        Args:
            first: Noise by its name, n rows of each: of samples (`noise_of`), or read from images (`encode`).
            last: As many rows of the same.
            frames: Images from one end to the other, with both.

        Returns:
            n rows of `frames` images, bytes from 0 to 255.

        Raises:
            UserError: `decode` does not take such noise, the two are not of the same names and shapes, or there are
                fewer than two frames.

        Example:
            >>> from energan.games.gan.lsgan import lsgan
            >>> G = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())
            >>> D = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
            >>> model = Model(lsgan(G, D, z=4), {"G": G, "D": D})
            >>> films = model.interpolate(model.noise_of([0, 1]), model.noise_of([2, 3]), frames=5)
            >>> films.shape
            torch.Size([2, 5, 1, 8, 8])
            >>> torch.equal(films[:, 0], model.sample(2))
            True
        """
        at_least(2, frames=(frames := whole("frames", frames)))
        if (shapes := [{name: tuple(z.shape) for name, z in noise.items()} for noise in (first, last)])[0] != shapes[1]:
            raise UserError(f"both ends of an interpolation have the same noise, not {shapes[0]} and {shapes[1]}")
        ways = paths(first, last, frames, self.distributions)
        return self.decode({name: z.flatten(0, 1) for name, z in ways.items()}).unflatten(0, (-1, frames))

    def _asked(self, n: int, class_index: int | None, conditions: Tensor | None) -> Tensor | None:
        """The rows of c that are asked for, (n, d). UserError for what cannot be asked for."""
        if class_index is not None:
            if not 0 <= whole("class_index", class_index) < self.classes:
                count = self.classes or "no"
                raise UserError(f"there is no class {class_index}: this run's system draws {count} classes")
            conditions = torch.eye(self.classes)[class_index].expand(n, -1)
        if conditions is None:
            return None
        width = self.asked_width
        if tuple(conditions.shape) != (n, width):
            got = " x ".join(map(str, conditions.shape))
            raise UserError(f"conditions of this run are {n} rows of {width} numbers, not {got}")
        return conditions

    @property
    def asked_width(self) -> int:
        """How many numbers a row of c has. 0: the system cannot be asked for anything."""
        names = inputs(self.game)
        if self.game.sample is None or "c" not in names:
            return 0
        return self.noise(1, torch.Generator(self.device).manual_seed(0))[names.index("c")].shape[1]

    def require_eval_mode(self) -> None:
        """Checks that no network was put into training mode, where each row would depend on the others.

        Raises:
            UserError: One was.
        """
        if changed := [name for name, net in self.nets.items() if any(part.training for part in net.modules())]:
            raise UserError(
                f"{', '.join(changed)} of this model is in training mode, where numbers depend on the other images: "
                "call .eval() first, or train a copy"
            )

    def noise_of_seed(self, seed: int) -> torch.Generator:
        """The random generator of a seed's noise.

        Raises:
            UserError: The seed is none.
        """
        usable_seed(seed := whole("seed", seed))
        return torch.Generator(self.device).manual_seed(seed + SAMPLING_SEED_OFFSET)

    def _drawn(self, n: int) -> int:
        """The number of images. UserError if it is none, or they would not fit into memory."""
        at_least(1, n=(n := whole("n", n)))
        self.require_eval_mode()
        fits_in_memory("n", n, 2 * math.prod(self.shape or (1,)))  # in chunks, and together
        return n

    def _draw_chunk(self, draw: GeneratorModule, noise: list[Tensor], wanted: int) -> list[Tensor]:
        """The first `wanted` images of a chunk, or some more: in slices no larger in memory than images of 64 x 64."""
        pixels = draw(*(z[:1] for z in noise)).shape[2:].numel()
        n = chunk_size(pixels)
        return [to_bytes(draw(*(z[i : i + n] for z in noise))).cpu() for i in range(0, wanted, n)]

    @isolated(gradients=False)
    def encode(self, images: Any, *, value_range: tuple[float, float] | None = None) -> dict[str, Float[Tensor, "n d"]]:
        """Reads from each image the noise that would draw it, as far as the system can.

        Args:
            images: As those of `score`.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            The noise by its name, a row for each image; of a category, the probabilities of the categories.

        Raises:
            UserError: The system reads no noise from images, or the images cannot be read as this model's.
        """
        self.require_eval_mode()
        read, pixels = self.encoder, as_pixels(images, self.shape, value_range)
        with fitting(pixels):
            chunks = [read(to_unit(x.to(self.device))) for x in pixels.split(chunk_size(pixels.shape[2:].numel()))]
        return {name: torch.cat([chunk[name].float().cpu() for chunk in chunks]) for name in chunks[0]}

    @isolated(gradients=False)
    def decode(self, noise: Mapping[str, Tensor], *, seed: int = 0) -> UInt8[Tensor, "n c h w"]:
        """Draws the image of each row of noise.

        Args:
            noise: Noise by its name, n rows of each. What is not there is drawn, row by row as `sample` draws it.
            seed: Seed of what is drawn.

        Returns:
            n images (n, c, h, w), bytes from 0 to 255.

        Raises:
            UserError: The system draws no images, or reads no noise of that name; the rows are not as many of each, not
                of the noise's width, or not finite.
        """
        draw, generator = self.generator, self.noise_of_seed(seed)
        known = dict(zip(draw.inputs, self.noise(1, self.noise_of_seed(seed)), strict=True))
        n = self._drawn(checked_noise(noise, {name: known[name] for name in self.decoded}))
        chunks = []
        for start in range(0, n, CHUNK):
            values = self.noise(CHUNK, generator)
            rows = torch.arange(start, start + CHUNK).clamp(max=n - 1)  # all noise of a chunk has as many rows
            for name, given in noise.items():
                place = draw.inputs.index(name)
                values[place] = given.cpu()[rows].to(values[place])
            chunks += self._draw_chunk(draw, values, min(CHUNK, n - start))
        return torch.cat(chunks)[:n].contiguous()

    def reconstruct(self, images: Any, *, value_range: tuple[float, float] | None = None) -> UInt8[Tensor, "n c h w"]:
        """Draws each image again: the image of the noise that the system reads from it. A category is the likeliest.

        Args:
            images: As those of `score`.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            n images (n, c, h, w), bytes from 0 to 255.

        Raises:
            UserError: The system draws with noise that it cannot read from images, or the images cannot be read as this
                model's.
        """
        if not self.redraws:
            unread = ", ".join(sorted(set(self.decoded) - set(self.game.encode or {})))
            self.require("encoder")
            raise UserError(f"images cannot be drawn again: this run's system does not read {unread} from them")
        return self.decode(as_drawn(self.game, self.encode(images, value_range=value_range)))

    def project(
        self,
        images: Any,
        *,
        steps: int = 200,
        seed: int = 0,
        value_range: tuple[float, float] | None = None,
        conditions: Float[Tensor, "n d"] | None = None,
    ) -> Projection:
        """Looks for the noise that draws each image, by gradient descent on pixels and on the critic's features.

        It starts where the encoder says, of a system that has one, and else from the nearest of 500 samples. Numbers
        stay within what is ever drawn; a category, such as a class that is drawn, is that of the start.

        Args:
            images: As those of `score`.
            steps: Steps of gradient descent. 0: the start.
            seed: Seed of the samples to start from.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).
            conditions: What each image is asked to show, a row each; None: what the start was asked for, which moves
                with the noise unless it is a category.

        Returns:
            The noise, for `decode`; the images that it draws; their errors, and those of the start.

        Raises:
            UserError: The system draws no images, the images cannot be read as this model's, or conditions are not a
                row for each image.

        Example:
            >>> from energan.games.gan.lsgan import lsgan
            >>> G = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())
            >>> D = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
            >>> model = Model(lsgan(G, D, z=4), {"G": G, "D": D}, shape=(1, 8, 8))
            >>> found = model.project(model.sample(2, seed=1), steps=20)
            >>> found.images.shape, bool((found.errors <= found.start_errors).all())
            (torch.Size([2, 1, 8, 8]), True)
        """
        self.require("generator")
        self.require_eval_mode()
        at_least(0, steps=(steps := whole("steps", steps)))
        pixels = as_pixels(images, self.shape, value_range)
        asked = None if conditions is None else self._asked(len(pixels), None, conditions)
        start = {} if self.game.encode is None else as_drawn(self.game, self.encode(pixels, value_range=BYTES))
        if asked is not None:
            start["c"] = asked
        start = {name: rows for name, rows in start.items() if name in self.decoded}
        generator = self.noise_of_seed(seed)
        return projected(self.game, self.nets, to_unit(pixels.to(self.device)), start, steps, generator)

    @isolated(gradients=False)
    def translate(
        self, images: Any, way: str = FIRST, *, seed: int = 0, value_range: tuple[float, float] | None = None
    ) -> UInt8[Tensor, "n c h w"]:
        """What pictures become: those of the other domain, or larger ones.

        Args:
            images: As those of `score`, but of any size: (n, c, h, w).
            way: From which domain to which: "xy", and of a system that goes both ways "yx".
            seed: Seed of the noise, where the system has any; each picture gets the same.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            A picture for each, bytes from 0 to 255, of the same height and width times the system's scale.

        Raises:
            UserError: The system makes nothing of pictures, or does not go this way; the images cannot be read.
        """
        way_of(self.game, way)
        self.require_eval_mode()
        return translated(
            self.game, self.nets, as_pixels(images, None, value_range), way, partial(self.noise_of_seed, seed)
        )

    @cached_property
    def decoded(self) -> tuple[str, ...]:
        """The names of the noise that images are drawn from: what `sample` of the game reads."""
        self.require("generator")
        return decoded_names(self.game, self.nets, self.noise(2, torch.Generator(self.device).manual_seed(0)))

    @property
    def redraws(self) -> bool:
        """Whether images can be drawn again: the system reads from them all noise that it draws with."""
        return self.game.sample is not None and set(self.decoded) <= set(self.game.encode or {})

    def score(self, images: Any, *, value_range: tuple[float, float] | None = None) -> Float[Tensor, " n"]:
        """Gives each image its energy, high where it is unlike the training data.

        Args:
            images: Of the size and channels of the training images: a tensor or array, a Pillow image, or a list of
                these. Bytes from 0 to 255; other numbers with `value_range`.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            n energies, in the units that the game was trained in.

        Raises:
            UserError: The system has no energy, or the images cannot be read as this model's.
        """
        self.require("energy")
        return self.score_pixels(as_pixels(images, self.shape, value_range))

    def energy_map(self, images: Any, *, value_range: tuple[float, float] | None = None) -> Float[Tensor, "n h w"]:
        """Gives each pixel of each image what it adds to the image's energy: where the image is odd.

        Args:
            images: As those of `score`.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            (n, h, w), at least 0. The energy is the root of a map's sum, its sum or its mean, as the energy is a norm,
            a sum or a mean of squares (`losses.energy.energy_map`).

        Raises:
            UserError: The energy has no parts, as that of a GAN, or the images cannot be read as this model's.

        Example:
            >>> from energan.games.energy.autoencoder import autoencoder
            >>> from energan.networks.dense import mlp
            >>> D = mlp.Autoencoder((1, 4, 4), layers=2, size=3)
            >>> model = Model(autoencoder(D), {"D": D})
            >>> images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
            >>> maps = model.energy_map(images)
            >>> maps.shape
            torch.Size([2, 4, 4])
            >>> torch.allclose(maps.sum((1, 2)).sqrt(), model.score(images))
            True
        """
        self.require("energy map")
        return self.map_pixels(as_pixels(images, self.shape, value_range))

    @isolated(gradients=False)
    def map_pixels(self, pixels: Num[Tensor, "n c h w"]) -> Float[Tensor, "n h w"]:
        """`energy_map` of numbers on the scale 0..255 that are in order, and may lie outside."""
        self.require_eval_mode()
        read, size = EnergyMapModule(self.game, self.nets).eval(), chunk_size(pixels.shape[2:].numel())
        with fitting(pixels):
            return torch.cat([read(to_unit(chunk.to(self.device))).float().cpu() for chunk in pixels.split(size)])

    @isolated(gradients=False)
    def score_pixels(self, pixels: Num[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        """`score` of numbers on the scale 0..255 that are in order, and may lie outside."""
        self.require_eval_mode()
        read, size = self.energy, chunk_size(pixels.shape[2:].numel())
        chunks = counted(pixels.split(size), len(pixels), "scoring images", each=size)
        with fitting(pixels):
            return torch.cat([read(to_unit(chunk.to(self.device))).float().cpu() for chunk in chunks])

    @isolated(gradients=False)
    def probabilities(
        self, images: Any, *, value_range: tuple[float, float] | None = None
    ) -> Float[Tensor, "n classes"]:
        """Gives each image the probability of each class.

        Args:
            images: As those of `score`.
            value_range: The values that are black and white, such as (0, 1) or (-1, 1).

        Returns:
            (n, classes), in [0, 1]; each row sums to 1.

        Raises:
            UserError: The system does not classify, or the images cannot be read as this model's.
        """
        self.require("classifier")
        pixels = as_pixels(images, self.shape, value_range)
        chunks = pixels.split(chunk_size(pixels.shape[2:].numel()))
        with fitting(pixels):
            return torch.cat([self.logits(to_unit(chunk.to(self.device))).softmax(1) for chunk in chunks])

    @isolated(gradients=False)
    def logits(self, x: Float[Tensor, " n *image"]) -> Float[Tensor, "n classes"]:
        """The classifier's logits of images in [-1, 1], or of their features where it reads those (FeatureNet).

        On the CPU.

        Raises:
            UserError: The system does not classify.
        """
        self.require_eval_mode()
        read = self.classifier
        return torch.cat([read(chunk.to(self.device)).float().cpu() for chunk in x.split(CHUNK)])


def numbered(number: int) -> int:
    """The number of a sample. UserError if there is none such."""
    if not 0 <= (found := whole("numbers", number)) < LAST:
        raise UserError(f"samples are numbered from 0 to {LAST - 1:,}, and {found} is no such number")
    return found
