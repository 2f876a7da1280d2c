"""A Model of a Trainer as it stands: averaged weights, measured batch-norm statistics."""

import copy

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.data.pixels import to_unit
from energan.engine import Trainer
from energan.engine.game import Batch, Players
from energan.inference.model import UNSEEN, Model
from energan.networks.layers import BatchNorm, measure_batch_norm

STANDING = 16  # batches that standing statistics are measured over


def snapshot(one: Trainer, images: UInt8[Tensor, "n c h w"], batch: int, seed: int = 0) -> Model:
    """The model as it stands now: a copy with averaged weights, its statistics measured over noise and real images.

    An energy's statistics are those of real images. In training a batch of samples is normalised by itself, so there
    D gives samples other (higher) energies than `score` does; those of real images agree (but for those of a D that saw
    augmented images alone: its statistics are measured on images as they are).
    """
    game = one.game
    nets = {name: copy.deepcopy(net) for name, net in one.nets.items()}
    for name, weights in one.averaged().items():
        nets[name].load_state_dict(weights, strict=False)
    model = Model(game, nets, str(one.device))
    generator = torch.Generator(one.device).manual_seed(seed + UNSEEN)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: STANDING * batch]
    whole = [i for i in order.split(batch) if len(i) == min(batch, len(images))]  # a single row has no statistics
    chunks = [to_unit(images[i].to(one.device)) for i in whole]
    real = iter(chunks)
    players = Players(nets)

    def draws() -> Batch:
        return Batch({**dict(zip(game.noise, model.noise(batch, generator), strict=True)), "x": chunks[0]})

    if (draw := game.sample) is not None:
        measure_batch_norm(nets.values(), lambda: draw(players, draws()), STANDING)
    if (codes := game.codes) is not None:  # of those that learn: a frozen encoder has its own
        learn = [net for name, net in nets.items() if game.players[name].optimizer]
        inverted = (codes.decode(players, Batch({"h": codes.encode(players, Batch({"x": x}))})) for x in chunks)
        measure_batch_norm(learn, lambda: next(inverted), len(chunks))
    if (read := game.energy or game.logits) is not None:
        measure_batch_norm(nets.values(), lambda: read(players, Batch({"x": next(real)})), len(chunks))
    return model


def batch_norm_statistics(model: Model) -> dict[str, Tensor]:
    """The measured statistics as "G/net.1.mean" -> tensor, for a checkpoint."""
    return {
        f"{name}/{path}.{key}": getattr(layer, key)
        for name, net in model.nets.items()
        for path, layer in net.named_modules()
        if isinstance(layer, BatchNorm)
        for key in ("mean", "var")
    }
