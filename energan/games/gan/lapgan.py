"""LAPGAN.  "Deep generative image models using a Laplacian pyramid of adversarial networks", Denton, Chintala, Szlam &
Fergus 2015, arXiv:1506.05751.

    I_0 = x,  I_{k+1} = d(I_k)                       d halves the sides, u doubles them
    h_k = I_k - l_k,  l_k = u(I_{k+1})               what level k adds to its low-pass image;  h_K = I_K, the coarsest
    L_Dk = - log D_k(h_k, l_k) - log(1 - D_k(G_k(z_k, l_k), l_k))        D = sigmoid of the logit that the net returns
    L_Gk = - log D_k(G_k(z_k, l_k), l_k)             at level K without l: a GAN of small images
    I~_K = G_K(z_K),  I~_k = u(I~_{k+1}) + G_k(z_k, u(I~_{k+1}))         the sample is I~_0

x (n, c, h, w) in [-1, 1], whose sides are whole multiples of 2^K; G_k(z_k, l_k) (n, c, h / 2^k, w / 2^k) is not
bounded, nor are the images between, and I~_0 is clipped to [-1, 1]. Level k learns from real l_k alone: no gradient and
no image passes from one level to another, so each trains as if it were by itself, here all in one turn of every D_k and
one of every G_k, each on a fresh batch.

The energy reading is minus the sum of D's logits over the levels: high where some level takes x for generated. It is a
heuristic, and no log-likelihood: real h_k lie in 3/4 of the dimensions in which G_k draws.

Also known as the Laplacian (pyramid) GAN. Not to be confused with progressive growing, whose one G grows; nor with
stacked GANs (sgan.py), whose levels are features, or StackGAN, whose second G sees the first one's images in training.
NOTE: the authors' real and generated h_k in a batch have the l_k of different images, here of the same ones.
NOTE: theirs are images of mean 0 and deviation 1 in each pixel; d and u are a library's scaling of images, here means
of 2 x 2 pixels and bilinear interpolation, both in training and in sampling.
NOTE: their optimizer is SGD at 0.02 with a momentum that rises from 0.5 to 0.7; ours is Adam.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses import adversarial
from energan.utils.specification import recorded

MEANINGS = {
    "loss": "what each player minimises; the two of a level pull against each other, so neither has to fall",
    "D(h)": (
        "mean probability of being real that the level’s D gives to what real images add to their low-pass images, at "
        "the coarsest level to small images; at 0.5 it cannot tell them apart"
    ),
    "D(G(z))": "the same for generated ones",
}


def down(images: Tensor) -> Tensor:
    """d: (n, c, h, w) -> (n, c, h / 2, w / 2), means of 2 x 2 pixels.

    >>> down(Tensor([[[[0, 1], [2, 5]]]])).item()
    2.0
    """
    return avg_pool2d(images, 2)


def up(images: Tensor) -> Tensor:
    """u: (n, c, h, w) -> (n, c, 2 h, 2 w), interpolated linearly, the outermost pixels as they are.

    >>> up(Tensor([[[[0, 4]]]]))[0, 0, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    return interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)


def residual(x: Tensor, k: int, K: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """h_k of images x (n, c, h, w), and what G_k and D_k are told besides: (l_k,), nothing at level K.

    >>> h, (low,) = residual(Tensor([[[[0, 1], [2, 5]]]]), 0, 1)
    >>> h.flatten().tolist(), low.flatten().tolist()
    ([-2.0, -1.0, 0.0, 3.0], [2.0, 2.0, 2.0, 2.0])
    """
    image = x
    for _ in range(k):
        image = down(image)
    if k == K:
        return image, ()
    low = up(down(image))
    return image - low, (low,)


def discriminator_loss(p: Players, b: Batch, k: int, K: int) -> tuple[Tensor, Logs]:
    D, G, z = getattr(p, f"D_{k}"), getattr(p, f"G_{k}"), getattr(b, f"z_{k}")
    h, told = residual(b.x, k, K)
    real, fake = D(h, *told), D(G(z, *told).detach(), *told)
    loss = adversarial.discriminator(real, fake)
    sure = adversarial.probability
    return loss, {"loss": loss, "D(h)": sure(real).mean(), "D(G(z))": sure(fake).mean()}


def generator_loss(p: Players, b: Batch, k: int, K: int) -> tuple[Tensor, Logs]:
    D, G, z = getattr(p, f"D_{k}"), getattr(p, f"G_{k}"), getattr(b, f"z_{k}")
    _, told = residual(b.x, k, K)
    loss = adversarial.non_saturating(D(G(z, *told), *told))
    return loss, {"loss": loss}


def stages(p: Players, b: Batch, K: int) -> list[Tensor]:
    """I~_K, ..., I~_0: images (n, c, h / 2^k, w / 2^k), the coarsest first, not bounded."""
    images = [wide(getattr(p, f"G_{K}")(getattr(b, f"z_{K}")))]
    for k in reversed(range(K)):
        low = up(images[-1])
        images.append(low + getattr(p, f"G_{k}")(getattr(b, f"z_{k}"), low))
    return images


def sample(p: Players, b: Batch, K: int) -> Tensor:
    """I~_0, clipped: images (n, c, h, w) in [-1, 1]."""
    return stages(p, b, K)[-1].clamp(-1, 1)


def energy(p: Players, b: Batch, K: int) -> Tensor:
    """Minus the sum of all levels' logits, (n,)."""
    total = b.x.new_zeros(b.x.shape[0])
    for k in range(K + 1):
        h, told = residual(b.x, k, K)
        total = total - wide(getattr(p, f"D_{k}")(h, *told))
    return total


@recorded
def lapgan(
    G: tuple[nn.Module, ...],
    D: tuple[nn.Module, ...],
    z: tuple[Noise, ...],
    *,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """LAPGAN of K + 1 levels, the finest first: players G_0, D_0, ..., G_K, D_K, and noises z_0, ..., z_K.

    G_k(z_k, l_k) returns images, not bounded, and D_k(h_k, l_k) logits (n,); those of level K take no l.
    """
    assert len(G) == len(D) == len(z), "a G, a D and a noise for each level"
    K = len(G) - 1
    levels = range(K + 1)
    return Game(
        players={
            **{f"G_{k}": Player(G[k], optimizer_G) for k in levels},
            **{f"D_{k}": Player(D[k], optimizer_D) for k in levels},
        },
        turns={
            "D": tuple(Move(partial(discriminator_loss, k=k, K=K), min=(f"D_{k}",)) for k in levels),
            "G": tuple(Move(partial(generator_loss, k=k, K=K), min=(f"G_{k}",)) for k in levels),
        },
        noise={f"z_{k}": z[k] for k in levels},
        sample=partial(sample, K=K),
        energy=partial(energy, K=K),
        meanings=MEANINGS,
    )
