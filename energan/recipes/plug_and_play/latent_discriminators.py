"""Latent discriminators: the thesis' six runs, and critics of any layers.

The thesis trained at width 64 for 4,993 steps; defaults here are for minutes on two cores.
"""

from functools import partial
from typing import Literal, NamedTuple

from energan.experiment import Experiment
from energan.recipes.common import AdamMoments, Data, GeneratorTraining, experiment, resized
from energan.recipes.plug_and_play.common import TRAINING, InvertedDigits, vector_code
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import at_least, not_negative, positive
from energan.utils.errors import UserError

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


def latent_discriminators_mnist(
    *,
    data: Data = "mnist",
    variant: Variant = "combined",
    critics: str = "",
    code: str = "h",
    image_loss: float = 2.0,
    code_loss: float = 0.1,
    mus: str = "",
    adversarial: float = 1.0,
    lambdas: str = "",
    penalty: float = 10.0,
    critic_steps: int = 5,
    warm_steps: int = 20,
    width: int = 8,
    critic_width: int = 0,
    adam: AdamMoments = AdamMoments(lr=5e-4),
    classifier: InvertedDigits = InvertedDigits(),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """Plug and play with critics of images, of codes, or of both: the thesis' six runs.

    A step is several turns of the critics and one of G; the thesis has 4,993, for which its --lr 1e-4 is.

    Args:
        variant: Critics of images (vanilla), of codes (code; code-adversarial: without the reconstruction losses), of
            neither (none), of both (combined), or of one of both at a time (random).
        critics: Layers that have a critic, with commas between; x is the image. Empty: as --variant has them.
        code: The encoder's layer that G inverts.
        image_loss: Weight of the image's reconstruction loss.
        code_loss: Weight of the reconstruction loss of the code, and of each other layer with a critic.
        mus: Weights of reconstruction losses by layer, where they are others: x=2,h=0.1 (mu of equation 10).
        adversarial: Weight of the critics in G's loss.
        lambdas: Weights of critics by layer, where they are others: x=1,h=0.5 (lambda of equation 9).
        penalty: Weight of the penalty on the norm of the critics' gradients.
        critic_steps: Turns of the critics before each of the generator.
        warm_steps: Turns of the critics at each of the first 25 steps and at every 500th (the thesis: 100); 0: none.
        width: Of G and the critics (64 in the thesis); less is faster.
        critic_width: Of the critics; 0: as --width.
    """
    from energan.engine.noise import normal
    from energan.games.plug_and_play.latent_discriminators import THESIS, latent_discriminators
    from energan.networks.conv.latent_discriminators import Critic, Generator, Standardise
    from energan.networks.pretrained import extract_features
    from energan.recipes.plug_and_play.encoder import encode_images

    at_least(1, critic_steps=critic_steps, chain_steps=classifier.chain_steps)
    not_negative(image_loss=image_loss, code_loss=code_loss, adversarial=adversarial)
    not_negative(penalty=penalty, warm_steps=warm_steps, critic_width=critic_width)
    positive(width=width)
    thesis, image = THESIS_RUNS[variant], (1, 28, 28)
    layers = tuple(filter(None, (name.strip() for name in critics.split(",")))) or thesis.critics
    inner = tuple(dict.fromkeys((code, *(name for name in layers if name != "x"))))
    E, shapes = extract_features(classifier.digits(), inner, image)
    h, mu = vector_code(code, shapes), {"x": image_loss, **dict.fromkeys(inner, code_loss)}
    if mus and not thesis.matched:
        raise UserError(f"`mus` are of reconstruction losses, and `variant` {variant} has none: leave one of them out")
    mu |= by_layer("mus", mus, tuple(mu))
    with training.seeded():
        G = Generator(h, width=width)
        nets = {layer: Critic(shapes.get(layer, image), width=critic_width or width) for layer in layers}
    optimizer = adam.optimizer(training.steps)
    game = latent_discriminators(
        E,
        G,
        nets,
        normal(h),
        S=Standardise(),
        code=code,
        matched=mu if thesis.matched else {},
        adversarial=adversarial,
        lambdas=by_layer("lambdas", lambdas, layers),
        penalty=penalty,
        random=thesis.random,
        critic_steps=critic_steps,
        warm_steps=warm_steps,
        chain=THESIS._replace(steps=classifier.chain_steps),
        seed=training.seed,
        optimizer_G=optimizer,
        optimizer_D=optimizer,
    )
    run = experiment(game, "latent-discriminators", data, resized(28, 1), training, network(data))
    return run._replace(
        initialise=classifier.initialiser(E, run),
        coded=("h", partial(encode_images, E=E, layer=code, precision=run.precision)),
        classes=classifier.class_names(),
    )


def by_layer(flag: str, text: str, layers: tuple[str, ...]) -> dict[str, float]:
    """The numbers of a flag by layer. UserError for other layers, or what is no number of 0 or above.

    >>> by_layer("lambdas", "x=1, h=.5", ("x", "h"))
    {'x': 1.0, 'h': 0.5}
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (each.strip() for each in part.partition("="))
        if name not in layers or name in found:
            raise UserError(
                f"`{flag}` {text!r} has {name!r}; each of {', '.join(layers) or 'no layers'} may be there once"
            )
        try:
            found[name] = float(number)
        except ValueError:
            raise UserError(f"`{flag}` {text!r} has no number for {name}: write {name}=0.5") from None
        not_negative(**{flag: found[name]})
    return found
