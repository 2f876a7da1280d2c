"""Which logged quantities share a chart, in which colour, and what each means to a student."""

from typing import NamedTuple


class Panel(NamedTuple):
    title: str
    names: tuple[str, ...]  # of quantities; * stands for any layer's name
    meaning: str
    number: str = ""  # of the game's numbers, drawn as a line
    level: float | None = None  # drawn as a line
    zero: bool = True  # whether the vertical axis starts at 0
    one: bool = False  # whether it ends at 1
    joined: bool = False  # whether a quantity of several turns is one curve, and of much smaller size has its own chart


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
        ("C_*",),
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
        "Conditional losses",
        ("condition",),
        "How far generated images and features are from what was asked for, as the frozen encoder sees them: surprise "
        "at the class, in nats, or squared distance of the features.",
    ),
    Panel(
        "Noise that cannot be recovered",
        ("noise error",),
        "Mean squared error of the noise as it is read back from what was made of it. At 1/12, the variance of the "
        "noise, nothing is read of it: the generator may ignore it, and draw all samples of a class alike.",
        level=1 / 12,
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
        "Terms of the generator's loss",
        ("L_img", "L_h1", "L_h", "L_GAN"),
        "What each term adds to what the generator lowers: how far its images are from those whose codes it has, "
        "L_img, how far their features and codes in the encoder, L_h1 and L_h, and how surely they are told to be "
        "generated.",
    ),
    Panel(
        "The denoiser's loss",
        ("L_R",),
        "How far the denoiser's answer is from what was there before the noise: half the squared difference.",
    ),
    Panel(
        "Who learns",
        ("D learns", "G learns"),
        "1 while a player learns, 0 while it rests, because its opponent cannot follow.",
        one=True,
    ),
    Panel(
        "Losses",
        ("loss",),
        "What each player minimises. The two pull against each other, so neither has to fall: look at the samples and "
        "the metrics for progress.",
        zero=False,
    ),
)

CODES = (  # of a system that draws by chains; these go first
    Panel(
        "What the critics tell apart",
        ("W(*)",),
        "Each critic's estimate of the Wasserstein distance between real and generated images, as far as its slopes "
        "are held to 1: of the images themselves, W(x), or of what a layer of the encoder says of them, W(layer). Once "
        "a critic has learned, it falls as the generator comes closer. Layers have different units.",
        zero=False,
        joined=True,
    ),
    Panel(
        "Reconstruction losses",
        ("L(*)",),
        "How far what the generator makes of an image's code is from that image: mean squared difference of the "
        "images, L(x), and of a layer of the encoder, L(layer). The generator lowers them, beside what critics ask.",
        joined=True,
    ),
    Panel(
        "Slopes of the critics",
        ("penalty(*)",),
        "E(‖slope‖ − 1)² of each critic between real and generated: near 0 its estimate can be read as a distance.",
        joined=True,
    ),
)

TONES = {
    "E(x)": "real", "D(x)": "real", "L(x)": "real", "E(u)": "real", "D(u)": "real",
    "E(G(z))": "fake", "D(G(z))": "fake", "L(G(z))": "fake", "margin": "line", "W(x)": "real", "penalty(x)": "real",
}  # fmt: skip

OTHERS = ("a", "b", "c", "d")  # tones of quantities that are neither of real nor of generated images
