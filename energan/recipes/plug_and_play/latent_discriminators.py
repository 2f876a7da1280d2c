"""Latent discriminators: the thesis' six runs, and critics of any layers.

The thesis trained at width 64 for 4,993 steps; defaults here are for minutes on two cores.
"""

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.experiment import Experiment

Variant = Literal["vanilla", "code-adversarial", "code", "none", "combined", "random"]


class ThesisRun(NamedTuple):
    """One of the thesis' six runs (section 4).

    critics  the layers that have one
    matched  whether reconstruction losses are used
    random   whether each turn moves one critic, drawn at random
    """

    critics: tuple[str, ...]
    matched: bool = True
    random: bool = False


THESIS_RUNS: dict[str, ThesisRun] = {
    "vanilla": ThesisRun(("x",)),
    "code-adversarial": ThesisRun(("h",), matched=False),
    "code": ThesisRun(("h",)),
    "none": ThesisRun(()),
    "combined": ThesisRun(("x", "h")),
    "random": ThesisRun(("x", "h"), random=True),
}


@documented
def latent_discriminators_mnist(
    *,
    data: str = "mnist",
    variant: Variant = "combined",
    critics: str = "",
    encoder: str = "",
    module: str = "",
    code: str = "h",
    classes: int = 10,
    steps: int = 1000,
    batch: int = 32,
    seed: int = 0,
    save_every: int = 100,
    image_loss: float = 2.0,
    code_loss: float = 0.1,
    adversarial: float = 1.0,
    penalty: float = 10.0,
    critic_steps: int = 5,
    warm_steps: int = 20,
    chain_steps: int = 200,
    width: int = 8,
    lr: float = 5e-4,
    beta1: float = 0.5,
    beta2: float = 0.9,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Plug and play with critics of images, of codes, or of both: the thesis' six runs.

    Args:
        variant: Critics of images (vanilla), of codes (code; code-adversarial: without the reconstruction losses), of
            neither (none), of both (combined), or of one of both at a time (random).
        critics: Layers that have a critic, with commas between; x is the image. Empty: as --variant has them.
        code: The encoder's layer that G inverts.
        steps: Training steps, each several turns of the critics and one of G; the thesis has 4,993.
        image_loss: Weight of the image's reconstruction loss.
        code_loss: Weight of the reconstruction loss of the code, and of each other layer with a critic.
        adversarial: Weight of the critics in G's loss.
        penalty: Weight of the penalty on the critics' gradients.
        critic_steps: Turns of the critics before each of the generator.
        warm_steps: Turns of the critics at each of the first 25 steps and at every 500th (the thesis: 100); 0: none.
        chain_steps: Steps of a chain that draws an image.
        width: Of G and the critics (64 in the thesis); less is faster.
        lr: Adam's learning rate of all players; the thesis' 1e-4 is for its 4,993 steps.
        beta2: Adam's second moment.
    """
    from energan.engine.noise import normal
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.games.plug_and_play.latent_discriminators import THESIS
    from energan.networks.conv.latent_discriminators import Critic, Generator, Standardise
    from energan.networks.pretrained import extract_features
    from energan.recipes.plug_and_play.encoder import encode_images, initialiser, known_classes, open_classifier

    at_least(1, critic_steps=critic_steps, chain_steps=chain_steps)
    at_least(2, classes=classes)
    not_negative(
        image_loss=image_loss, code_loss=code_loss, adversarial=adversarial, penalty=penalty, warm_steps=warm_steps
    )
    positive(width=width, lr=lr)
    fraction(beta1=beta1, beta2=beta2)
    usable_seed(seed)
    thesis_run = THESIS_RUNS[variant]
    layers = tuple(filter(None, (name.strip() for name in critics.split(",")))) or thesis_run.critics
    inner = tuple(dict.fromkeys((code, *(name for name in layers if name != "x"))))
    E, shapes = extract_features(open_classifier(encoder, module, classes), inner, (1, 28, 28))
    if len(shapes[code]) != 1:
        raise UserError(f"`code` {code}: this G takes codes that are vectors, not maps of {shapes[code]}")
    mu = {"x": image_loss, **dict.fromkeys(inner, code_loss)}
    with seeded(seed):
        G = Generator(*shapes[code], width=width)
        nets = {layer: Critic(shapes.get(layer, (1, 28, 28)), width=width) for layer in layers}
    adam = Adam(lr, beta1=beta1, beta2=beta2)
    game = GAMES["latent-discriminators"](
        E, G, nets, normal(*shapes[code]), S=Standardise(), code=code, matched=mu if thesis_run.matched else {},
        adversarial=adversarial, penalty=penalty, random=thesis_run.random, critic_steps=critic_steps,
        warm_steps=warm_steps, chain=THESIS._replace(steps=chain_steps), seed=seed, optimizer_G=adam, optimizer_D=adam,
    )  # fmt: skip
    made = run(
        game, "latent-discriminators", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every,
        ema=ema, network=network(data, 28, 1), precision=precision, device=device, compile=compile,
    )  # fmt: skip
    return made._replace(
        initialise=initialiser(E.module, encoder, module, data, classes),
        coded=("h", partial(encode_images, E=E, layer=code, precision=made.precision)),
        classes=known_classes(encoder, module),
    )
