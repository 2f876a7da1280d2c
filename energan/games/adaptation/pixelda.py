"""PixelDA: images of the source made to look like the target's, for a classifier to learn on.
"Unsupervised pixel-level domain adaptation with generative adversarial networks", Bousmalis, Silberman, Dohan, Erhan &
Krishnan 2016, arXiv:1612.05424.

    min_{G,T} max_D  alpha L_d + beta L_t                                           eq. 1
    L_d = E log D(u) + E log(1 - D(G(x, z)))                                        eq. 2
    L_t = - E log p(y | x) - E log p(y | G(x, z))     p(y | .) = softmax of T(.)    eq. 3
    D, T   - L_d,  L_t                                                              then
    G      - alpha E log D(G(x, z)) - beta E log p(y | G(x, z))

x (n, c, h, w) images of the source domain, y (n, K) their labels, one-hot; u (n, c, h, w) images of the target domain,
whose labels nobody knows; all in [-1, 1]; z (n, d), U(-1, 1). G returns images of x's shape, D a logit (n,), T logits
(n, K). D: the probability of being of the target. In use: T(u).

Not to be confused with DANN and ADDA (dann.py, adda.py), which adapt features, nor with CycleGAN, which knows no task.
NOTE: G's first term is the non-saturating one, as in the authors' code. D and T descend losses of weight 1: with Adam
their scale does not count, and of alpha and beta only the ratio does.
NOTE: the authors' T has a first layer of its own for each domain; here T is one net, as in eq. 3. Their content loss,
for images with a mask, is left out: they use none for digits. So are their weight decay of 1e-5, their clipping of
gradients to a norm of 5, and their learning rate's decay by .95 every 20,000 steps.
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.utils.specification import recorded

MEANINGS = {
    "alpha": "weight of fooling D in G’s loss",
    "beta": "weight of the task in G’s loss: that T finds the label in G(x)",
    "L_D": "what D minimises: its surprise at which images are adapted; 1.39 where it cannot tell",
    "D(u)": "mean probability of being of the target that D gives to the target’s images",
    "D(G(x))": "the same for the source’s images after G",
    "CE": "cross-entropy of the labels that T finds in the source’s images, in nats",
    "CE of G(x)": "the same after G",
    "L_G": "what G minimises",
    "G": "the generator: images of the source to ones that look like the target’s",
    "D": "the discriminator of the target’s images and adapted ones",
    "T": "the classifier, which is used",
}


def adapted(p: Players, b: Batch) -> Tensor:
    """G(x, z), images of x's shape."""
    return p.G(b.x, b.z)


def critics_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = adapted(p, b).detach()
    theirs, ours = p.D(b.u), p.D(fake)
    L_D = discriminator(theirs, ours)
    plain, found = (cross_entropy(wide(p.T(images)), b.y) for images in (b.x, fake))
    logs = {"L_D": L_D, "D(u)": probability(theirs).mean(), "D(G(x))": probability(ours).mean()}
    return L_D + plain + found, {**logs, "CE": plain, "CE of G(x)": found}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake = adapted(p, b)
    loss = b.alpha * non_saturating(p.D(fake)) + b.beta * cross_entropy(wide(p.T(fake)), b.y)
    return loss, {"L_G": loss}


@recorded
def pixelda(
    G: nn.Module,
    D: nn.Module,
    T: nn.Module,
    z: int | Noise,
    *,
    alpha: float = 0.0113,
    beta: float = 0.0101,
    optimizer_G: Optimizer = Adam(1e-3, beta1=0.5),
    optimizer_D: Optimizer = Adam(1e-3, beta1=0.5),
    optimizer_T: Optimizer = Adam(1e-3, beta1=0.5),
) -> Game:
    """PixelDA. z: dimensions of U(-1, 1), or a Noise. alpha, beta and the rates are the authors' for MNIST-M."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D), "T": Player(T, optimizer_T)},
        turns={
            "critics": (Move(critics_loss, min=("D", "T")),),
            "G": (Move(generator_loss, min=("G",)),),
        },
        noise={"z": as_noise(z, uniform)},
        hyperparameters={"alpha": alpha, "beta": beta},
        logits=lambda p, b: p.T(b.x),
        meanings=MEANINGS,
    )
