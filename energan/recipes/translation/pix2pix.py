"""Pictures of pictures, learned from pairs (arXiv:1611.07004)."""

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, Training
from energan.recipes.translation.pictures import Pictures
from energan.utils.checks import not_negative, positive
from energan.utils.errors import UserError


def pix2pix(
    *,
    data: Data = "line-emoji",
    width: int = 64,
    patch: int = 70,
    l1: float = 100.0,
    adversarial: float = 1.0,
    conditional: bool = True,
    noise: bool = True,
    adam: AdamOptions = AdamOptions(lr=2e-4, beta1=0.5),
    pictures: Pictures = Pictures(),
    training: Training = Training(steps=20000, batch=1, save_every=1000),
) -> Experiment:
    """pix2pix: a U-Net that makes a picture of a picture, and a discriminator of squares that sees both.

    The paper's settings are --size 256 --resize 286 --flip and 200 passes, a picture a step. Its ablation is --l1 0,
    --adversarial 0, and --no-conditional.

    Args:
        width: Feature maps of the first layers of both nets (paper: 64); less is faster.
        patch: Pixels a side of the squares that D judges: 1, 16, 34, 70, 142 or 286 (the whole of 256).
        l1: Weight of the distance to the true picture.
        adversarial: Weight of the GAN's loss; 0: there is no D.
        conditional: Whether D sees the input beside the output.
        noise: Whether half of the numbers of three layers drop, which is the noise.
    """
    from energan.games.translation.pix2pix import pix2pix as game
    from energan.networks.translation.patch import check_side, patch_critic
    from energan.networks.translation.unet import unet, unet_noise

    pictures.check()
    positive(width=width, steps=training.steps)
    not_negative(l1=l1, adversarial=adversarial)
    if not l1 and not adversarial:
        raise UserError("the generator learns nothing where both `l1` and `adversarial` are 0")
    size, x, y = pictures.size, pictures.channels, pictures.outputs
    if adversarial:
        check_side(size, patch)
    with training.seeded():
        G = unet(channels=x, outputs=y, size=size, width=width)
        D = patch_critic(channels=x + y if conditional else y, patch=patch, width=width) if adversarial else None
    made = game(
        G, D, unet_noise(size=size, width=width) if noise else None, adversarial=adversarial, l1=l1,
        conditional=conditional, multiple=size, optimizer_G=adam.optimizer(training.steps),
        optimizer_D=adam.optimizer(training.steps),
    )  # fmt: skip
    return pictures.experiment(made, "pix2pix", data, training)
