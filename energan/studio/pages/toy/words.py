"""What to watch, for each system: what the field is, a sentence, and where to read on."""

from typing import NamedTuple

DOCUMENTS = "https://github.com/energan/energan/blob/main"


# what a newcomer may not know, a line each
TERMS = {
    "Critic": "the network that tells points from samples (D or f); the generator G learns from it.",
    "Field": "what the critic says of each place of the plane, whether there are points or not.",
    "Logit": "a score without bounds: 0 is undecided, above is “a point”, below is “a sample”.",
    "Energy": "an error of reconstruction: low where the critic has learned that there are points.",
    "Gradient": "how fast the field changes, and which way: the arrows, along which G moves its samples.",
    "Rate": "how far a player’s weights go in a step; 0 holds it where it is.",
}


class Words(NamedTuple):
    """reads: what the critic's field is; watch: what to look for; more: where it is told, as `address_of` takes it."""

    reads: str
    watch: str
    more: tuple[str, ...]


LOGIT = "l(x), D’s logit: D(x) = 1 / (1 + exp −l(x))"

_UNROLLED = ("docs/systems.md", "arXiv:1611.02163")

WORDS = {
    "GAN": Words(
        LOGIT,
        "See how many clusters the samples reach, and whether they leave one for the next: mode collapse. "
        "G follows the arrows; where they are short, G learns nothing: a vanishing gradient.",
        ("docs/systems.md", "docs/lab.md", "arXiv:1406.2661"),
    ),
    "unrolled K=0": Words(
        LOGIT,
        "The minimax game without a look ahead: the samples go where D is high now, D lowers itself there, and they "
        "go from one cluster to another without end: rotation.",
        _UNROLLED,
    ),
    "unrolled K=1": Words(
        LOGIT,
        "G looks one step of D ahead. Compare with K=0 and the same seed: does the rotation slow down?",
        _UNROLLED,
    ),
    "unrolled K=5": Words(
        LOGIT,
        "G knows where D will be low in five steps, so the samples spread over the clusters rather than run together "
        "from one to the next. Each step takes longer.",
        _UNROLLED,
    ),
    "unrolled K=10": Words(
        LOGIT,
        "As K=5, with ten steps ahead: see whether more clusters are found for the time that it takes.",
        _UNROLLED,
    ),
    "WGAN": Words(
        "f(x), the critic’s score",
        "The critic’s weights are clipped, so its field is a smooth slope with arrows nearly everywhere: the gradient "
        "does not vanish, but fine clusters are hard to tell apart. W should fall.",
        ("docs/systems.md", "arXiv:1701.07875"),
    ),
    "WGAN-GP": Words(
        "f(x), the critic’s score",
        "The penalty asks for gradients of length 1 between samples and points. Set it to 0, or to 10, as it plays, "
        "and see how steep the field becomes and what W does.",
        ("docs/systems.md", "arXiv:1704.00028"),
    ),
    "EBGAN": Words(
        "E(x), the energy: D’s error of reconstruction",
        "D makes the energy low at the points and pushes it up to the margin at samples. When E(G(z)) stays at the "
        "margin, or all samples gather in one low place, G has collapsed.",
        ("docs/systems.md", "arXiv:1609.03126"),
    ),
    "EBGAN-PT": Words(
        "E(x), the energy: D’s error of reconstruction",
        "As EBGAN, but the codes of samples repel each other: PT falls as they spread. Set pt to 0 as it plays, and "
        "see whether the samples draw together.",
        ("docs/systems.md", "arXiv:1609.03126"),
    ),
    "BEGAN": Words(
        "L(x), D’s error of reconstruction",
        "k balances the two losses and M should fall. It may collapse nevertheless: samples settle on a curve through "
        "a few clusters, however low M is (on the ring they do).",
        ("docs/systems.md", "arXiv:1703.10717"),
    ),
    "R3GAN": Words(
        "l(x), D’s logit: only differences mean something",
        "Each sample is compared with a point, and steep fields are penalised: the field flattens as samples cover "
        "the clusters. Set gamma to 0 as it plays: the rotation comes back.",
        ("docs/systems.md", "arXiv:2501.05441"),
    ),
    "mode-regularised": Words(
        LOGIT,
        "G must also draw every point again: clusters that were missed pull it. d should fall; set lambda_1 to 0 to "
        "see what it is for.",
        ("docs/systems.md", "arXiv:1612.02136"),
    ),
    "manifold-diffusion": Words(
        "l₁(x), the logit of D₁, which tells points from their reconstructions",
        "First the reconstructions come to the points (d falls), then the samples to the reconstructions: clusters are "
        "reached before they get their share of samples.",
        ("docs/systems.md", "arXiv:1612.02136"),
    ),
}


def words_of(name: str) -> Words:
    """What is said of the system; of one that is not known here, what holds for all."""
    return WORDS.get(name, Words("the critic’s reading", "See how many clusters the samples reach.", ("docs/lab.md",)))


def address_of(place: str) -> str:
    """The address of a page of the documentation, or of an article; a link, asked for when it is pressed.

    >>> address_of("arXiv:1406.2661")
    'https://arxiv.org/abs/1406.2661'
    """
    kind, _, number = place.partition(":")
    return f"https://arxiv.org/abs/{number}" if kind == "arXiv" else f"{DOCUMENTS}/{place}"
