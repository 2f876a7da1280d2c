"""Which logged quantities share a chart, in which colour, and what each means to a student."""

from typing import NamedTuple

LAYERS = 8  # of a ladder in one chart: as many as there are tones, solid and dashed


class Panel(NamedTuple):
    title: str
    names: tuple[str, ...]
    meaning: str
    number: str = ""  # of the game's numbers, drawn as a line
    level: float | None = None  # drawn as a line
    zero: bool = True  # whether the vertical axis starts at 0
    one: bool = False  # whether it ends at 1


PANELS = (
    Panel(
        "Energies",
        ("E(x)", "E(u)", "E(G(z))", "margin"),
        "The energy is how badly the discriminator's auto-encoder reconstructs an image. That of real images, E(x), or "
        "E(u) of unlabelled ones, should sink; E(G(z)), of generated ones, is pushed up to the margin by the "
        "discriminator and down by the generator. A margin that falls with time ends that contest.",
        number="margin",
    ),
    Panel(
        "Hinge  [m − E(G(z))]₊",
        ("[m-E(G(z))]+",),
        "How far generated images lie below the margin, averaged over them. At 0 the discriminator has pushed all of "
        "them past the margin and learns nothing more from them.",
    ),
    Panel(
        "Cross-entropy",
        ("CE",),
        "How surprised the classifier is by the labels it is taught, in nats. With few labels it soon nears 0: the "
        "labelled images are learned by heart, and only the test error says what was learned of the others.",
    ),
    Panel(
        "Denoising costs",
        tuple(f"C_{i}" for i in range(LAYERS)),
        "How badly the decoder restores each layer from its noisy version: C₀ of the pixels, C₁ of the first hidden "
        "layer, and so on. This is what the ladder learns from unlabelled images.",
    ),
    Panel(
        "Feature matching",
        ("matching",),
        "How far the mean features of generated images lie from those of unlabelled ones, in the discriminator's last "
        "hidden layer. The generator lowers this instead of fooling the discriminator.",
    ),
    Panel(
        "Pull-away term",
        ("PT",),
        "The mean squared cosine between the codes of two generated images: 1 when all are alike (the generator has "
        "collapsed), near 0 when they differ. The generator keeps it low.",
    ),
    Panel(
        "The discriminator's verdicts",
        ("D(x)", "D(u)", "D(G(z))"),
        "The probability of being real that the discriminator gives to real images, D(x) (unlabelled ones: "
        "D(u)), and to generated ones, D(G(z)). At 0.5 it can no longer tell them apart.",
        level=0.5,
        one=True,
    ),
    Panel(
        "The critic's estimate of the distance",
        ("W",),
        "E f(x) − E f(G(z)): how far apart the critic finds real and generated images, as far as it is allowed to. "
        "Unlike a GAN's loss, it should fall as the samples become better.",
        zero=False,
    ),
    Panel(
        "The variational bound F",
        ("F",),
        "A lower bound of the divergence between images and samples: the critic raises it towards the divergence, the "
        "generator lowers it.",
        zero=False,
    ),
    Panel(
        "Reconstruction losses",
        ("L(x)", "L(G(z))"),
        "How badly the discriminator's auto-encoder reconstructs real and generated images, per pixel. BEGAN holds "
        "the second at a fixed share (gamma) of the first.",
    ),
    Panel("Convergence M", ("M",), "L(x) + |gamma L(x) − L(G(z))|: BEGAN's measure of how far training has come."),
    Panel(
        "Balance k",
        ("k",),
        "How much the discriminator minds reconstructing generated images well. It rises while they are too easy.",
        one=True,
    ),
    Panel(
        "Slopes of the critic",
        ("penalty", "R1", "R2"),
        "What the objective charges for steep critics: E(‖slope‖ − 1)² between images and samples (penalty), or "
        "E ‖slope‖² at images (R1) and at samples (R2).",
    ),
    Panel(
        "Distance between batches",
        ("MMD", "energy distance", "Sinkhorn divergence"),
        "What a generator without a critic lowers. Near 0, samples and images of a batch cannot be told apart by it.",
        zero=False,
    ),
    Panel(
        "Losses",
        ("loss",),
        "What each player minimises. The two pull against each other, so neither has to fall: look at the samples and "
        "the metrics for progress.",
        zero=False,
    ),
)

TONES = {
    "E(x)": "real", "D(x)": "real", "L(x)": "real", "E(u)": "real", "D(u)": "real",
    "E(G(z))": "fake", "D(G(z))": "fake", "L(G(z))": "fake", "margin": "line",
}  # fmt: skip
OTHERS = ("a", "b", "c", "d")  # tones of quantities that are neither of real nor of generated images
