"""What metrics, settings and states mean, a line each."""

from energan.report.run_reader import ERROR

METRICS = {  # by the word that a metric's name holds: (which way is better, what it says)
    "FID": ("lower", "distance between the features of generated and of real images, as two Gaussians"),
    "KID": ("lower", "distance between the same features by a polynomial kernel; unbiased for few images"),
    "precision": ("higher", "share of generated images that lie among real ones"),
    "recall": ("higher", "share of real images that lie among generated ones"),
    "density": ("higher", "how many real neighbourhoods a generated image lies in; about 1 for real images"),
    "coverage": ("higher", "share of real images with a generated one close by"),
    "IS": ("higher", "inception score: classes recognised surely, and all drawn; at most the number of classes"),
    "I": ("higher", "the paper's score, mean KL(p(y) || p(y|x)) in nats: sure and varied at once"),
    "digits covered": ("higher", "digits that at least 1 % of the samples show"),
    "train distance": (
        "",
        "median distance from a sample to its nearest training image; copies have far less than real images",
    ),
    "train distance of real": ("", "the same for real images that were not trained on: what no copying looks like"),
    "E(x) train": ("", "mean energy of training images"),
    "E(x) reference": ("", "mean energy of the reference images; above that of training images by what was overfitted"),
    "E(G(z))": (
        "",
        "mean energy of generated images by statistics of real ones; in training, normalised by their own batch, "
        "samples score higher",
    ),
    "Parzen": ("higher", "log-likelihood of real images under a kernel density of the samples"),
    "reconstruction MSE": (
        "lower",
        "mean squared difference between an image and what the generator makes of its code, pixels from 0 to 1",
    ),
    "conditional accuracy": (
        "higher",
        "share of the chains’ images that show the class asked for, by a classifier that had no part in drawing them",
    ),
    "conditional accuracy, own": (
        "higher",
        "the same share by the classifier that led the chains; far above the other one where chains deceive it",
    ),
    "diversity in a class": (
        "",
        "mean distance between two of the chains’ images of one class, pixels from 0 to 1; 0 where all are alike",
    ),
    "diversity in a class of real": ("", "the same for real images: how much the images of a class do differ"),
    ERROR: ("lower", "share of test images that the classifier gets wrong"),
}

SETTINGS = {  # of run.json, in the order shown
    "steps": "",
    "batch": "images in a step; for a classifier, labelled ones and as many unlabelled",
    "seed": "",
    "save_every": "steps between sheets, metrics and checkpoints",
    "precision": "",
    "device": "",
    "ema": "decay per step of the averaged weights",
    "network": "features that metrics are measured with",
}

DATA = {
    "name": "",
    "n": "images",
    "shape": "channels, height, width",
    "source": "",
    "sha256": "of the images’ content",
}

STATES = {
    "finished": "It finished.",
    "stopped": "It was stopped before its end; energan resume continues it.",
    "diverged": "It diverged: its numbers left the range that training can go on from.",
    "running": "It has not finished yet, or was killed without warning.",
}


def metric_meaning(name: str) -> tuple[str, str]:
    """(which way is better, what it says) of a metric such as "MNIST-FID" or "FID-MobileNetV2"; empty if unknown."""
    if name in METRICS:
        return METRICS[name]
    words = name.replace("_", "-").replace(" ", "-").split("-")
    return next((meaning for word, meaning in METRICS.items() if word in words), ("", ""))
