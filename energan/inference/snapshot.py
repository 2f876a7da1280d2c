"""A Model of a Trainer as it is now: averaged weights, measured batch-norm statistics."""

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.data.pixels import to_unit
from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Code, Players
from energan.engine.isolation import isolated
from energan.inference.model import SAMPLING_SEED_OFFSET, Model
from energan.inference.modules import inputs
from energan.inference.pictures.translation import FIRST
from energan.networks.layers import BatchNorm, measure_batch_norm

BATCHES = 16  # that batch-norm statistics are measured over


@isolated()
def snapshot(trainer: Trainer, images: UInt8[Tensor, "n c h w"], batch: int, seed: int = 0) -> Model:
    """Gives the model as it is now: a copy with averaged weights, its batch-norm statistics measured.

    The statistics are measured over noise and real images. An energy's are those of real images. In training a batch of
    samples is normalised by itself, so there D gives samples other (higher) energies than `score` does; those of real
    images agree (except for a D that saw augmented images alone: its statistics are measured on images as they are).

    Args:
        trainer: The game in training; it stays as it is.
        images: Training images (n, c, h, w), bytes from 0 to 255.
        batch: Rows in each of the 16 batches that the statistics are measured over.
        seed: Seed of the noise and of which images are used.

    Returns:
        The model, on the trainer's device.

    Example:
        >>> from torch import nn
        >>> from energan.games.gan.lsgan import lsgan
        >>> G = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4)))
        >>> D = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0))
        >>> images = torch.zeros(8, 1, 4, 4, dtype=torch.uint8)
        >>> trainer = Trainer(lsgan(G, D, z=4), lambda k: {"x": to_unit(images)})
        >>> _ = trainer.step()
        >>> snapshot(trainer, images, batch=4).sample(2).shape
        torch.Size([2, 1, 4, 4])
    """
    game = trainer.game
    nets = {name: copy.deepcopy(net) for name, net in trainer.nets.items()}
    for name, weights in trainer.averaged().items():
        nets[name].load_state_dict(weights, strict=False)
    c, h, w = images.shape[1:]
    model = Model(game, nets, str(trainer.device), (c, h, w))
    generator = torch.Generator(trainer.device).manual_seed(seed + SAMPLING_SEED_OFFSET)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: BATCHES * batch]
    whole = [i for i in order.split(batch) if len(i) == min(batch, len(images))]  # a single row has no statistics
    chunks = [to_unit(images[i].to(trainer.device)) for i in whole]
    if game.logits is not None and (of_first := trainer.data(0).get("u")) is not None and of_first.ndim == 2:
        chunks = [trainer.data(k)["u"][:batch] for k in range(BATCHES)]  # a frozen network's features, known already
    real = iter(chunks)
    players = Players(nets)

    asked = (trainer.data(k) for k in cycle(range(BATCHES)))

    def noise_batch() -> Batch:
        values = dict(zip(inputs(game), model.noise(batch, generator), strict=True))
        if game.conditions is not None:  # what images show in training may be more of one kind than of another
            values["c"] = next(asked)[game.conditions.data][:batch].to(values["c"])
            values = {name: value[: len(values["c"])] for name, value in values.items()}
        return Batch({**values, "x": chunks[0]})

    if (draw := game.sample) is not None:
        measure_batch_norm(nets.values(), lambda: draw(players, noise_batch()), BATCHES)
    if (codes := game.encode) is not None:
        measure_batch_norm(nets.values(), lambda: _read_all(codes, players, next(real)), len(chunks))
        real = iter(chunks)
    if (conditions := game.conditions) is not None:
        seen = ({"x": b["x"][:batch], "c": b[conditions.data][:batch]} for b in asked)
        measure_batch_norm(nets.values(), lambda: conditions.match(players, Batch(next(seen))), BATCHES)
        return model
    if game.translate and (way := game.translate.get(FIRST)) is not None:
        fed = ({"x": x, **{name: draw(generator, len(x)) for name, draw in game.noise.items()}} for x in chunks)
        measure_batch_norm(nets.values(), lambda: way.read(players, Batch(next(fed))), len(chunks))
    if (space := game.codes) is not None:  # of those that learn: a frozen encoder has its own
        learning = [net for name, net in nets.items() if game.players[name].optimizer]
        reconstructions = (space.decode(players, Batch({"h": space.encode(players, Batch({"x": x}))})) for x in chunks)
        measure_batch_norm(learning, lambda: next(reconstructions), len(chunks))
    if (read := game.energy or game.logits) is not None:
        measure_batch_norm(nets.values(), lambda: read(players, Batch({"x": next(real)})), len(chunks))
    return model


def _read_all(codes: Mapping[str, Code], players: Players, x: Tensor) -> None:
    for code in codes.values():
        code.read(players, Batch({"x": x}))


def snapshots(
    player: Trainer | Ensemble, again: Callable[[int], Trainer], images: UInt8[Tensor, "n c h w"], batch: int
) -> Iterator[Model]:
    """Gives a model for each that the player trains, as `snapshot` does.

    Args:
        player: One game in training, or many as one program.
        again: A new Trainer of the i-th game of an Ensemble, which takes its weights.
        images: Training images (n, c, h, w), bytes from 0 to 255.
        batch: Rows in each of the batches that the statistics are measured over.
    """
    if isinstance(player, Trainer):
        yield snapshot(player, images, batch)
        return
    for i in range(len(player)):
        yield snapshot(taken(player, i, again(i)), images, batch)


def taken(many: Ensemble, i: int, one: Trainer) -> Trainer:
    """The Trainer `one` of the i-th game, with the weights that it has in the Ensemble."""
    players = many.players(i)
    for name, net in one.nets.items():
        net.load_state_dict({k: w.to(one.device) for k, w in players.weights(name).items()}, strict=False)
    return one


def batch_norm_statistics(model: Model) -> dict[str, Tensor]:
    """The measured statistics as "G/net.1.mean" -> tensor, for a checkpoint."""
    return {
        f"{name}/{path}.{key}": getattr(layer, key)
        for name, net in model.nets.items()
        for path, layer in net.named_modules()
        if isinstance(layer, BatchNorm)
        for key in ("mean", "var")
    }
