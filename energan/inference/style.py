"""Style transfer of a system that is asked: what an image shows beside what was asked for, with other words.

    L_S = E |z - S(G(z, h))|^2      z ~ N(0, I), h of training sentences     Reed et al. 2016, arXiv:1605.05396, eq. 6
    x'  = G(S(x), h')               the style of x, the words of h'

S learns on samples alone; G stays as it is.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import mse_loss

from energan.data.pixels import to_unit
from energan.engine.isolation import isolated
from energan.engine.rng import seeded
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.networks.conditional.gan_cls import StyleEncoder
from energan.utils.console import counted
from energan.utils.errors import UserError

BATCH = 64
RATE = 1e-3


def encoder_of(model: Model) -> StyleEncoder:
    """S of the model's sizes, not trained. UserError for a system that has no noise z beside what it is asked for."""
    asked, shape = model.game.conditions, model.shape
    if asked is None or "z" not in model.generator.inputs or "c" not in model.generator.inputs:
        raise UserError("style is what a system draws beside what it is asked for: this one cannot be asked")
    if shape is None or shape[1] != shape[2] or shape[1] < 8 or shape[1] & (shape[1] - 1):
        raise UserError(f"an encoder of style reads squares of 8, 16, 32, ... pixels, and not images of {shape}")
    z = model.noise(1, torch.Generator(model.device).manual_seed(0))[model.generator.inputs.index("z")]
    with seeded(0):
        S = StyleEncoder(z.shape[1], channels=shape[0], size=shape[1])
    return S.to(model.device)


def trained_encoder(model: Model, steps: int, seed: int = 0) -> tuple[StyleEncoder, float]:
    """S, in eval mode, and its error on samples that it has not seen: E |z - S(G(z, h))|^2 of one number of z.

    An error of 1, the variance of z, is that of an S that reads nothing.
    """
    S, place = encoder_of(model).train(), model.generator.inputs.index("z")
    optimizer, draws = torch.optim.Adam(S.parameters(), RATE, betas=(0.5, 0.999)), model.noise_of_seed(seed)

    def drawn(n: int) -> tuple[Tensor, Tensor]:
        noise = model.noise(n, draws)
        with torch.no_grad():
            return noise[place], model.generator(*noise)

    for _ in counted(range(steps), steps * BATCH, "training the encoder of style", each=BATCH):
        z, x = drawn(BATCH)
        loss = mse_loss(S(x), z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    S.eval().requires_grad_(False)
    z, x = drawn(CHUNK)
    return S, float(mse_loss(S(x), z))


@isolated(gradients=False)
def restyled(
    model: Model, S: StyleEncoder, images: UInt8[Tensor, "n c h w"], conditions: Float[Tensor, "k d"]
) -> UInt8[Tensor, "n k c h w"]:
    """Each image's style with each of the conditions: G(S(x), h)."""
    from energan.data.pixels import to_bytes

    place, c = (model.generator.inputs.index(name) for name in ("z", "c"))
    noise = model.noise(len(conditions), model.noise_of_seed(0))
    rows = []
    for image in images:
        z = S(to_unit(image[None].to(model.device)))
        noise[place], noise[c] = z.expand(len(conditions), -1), conditions.to(model.device, torch.float32)
        rows.append(to_bytes(model.generator(*noise)).cpu())
    return torch.stack(rows)
