"""Numbers, times and sizes as people read them, and one line on what each metric and setting means."""

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

NUMBERS = {
    "margin": "m: the energy up to which generated images are pushed",
    "pt": "weight of the pull-away term in the generator's loss",
    "smoothing": "real images are given the target 1 − smoothing",
    "penalty": "weight of the charge for slopes other than 1 in the critic's loss",
    "gamma": "R3GAN: weight of the charge for slopes in D's loss; BEGAN: the share of L(x) that L(G(z)) is held at",
    "epsilon": "weight of the transport's entropy, in units of its cost",
    "scale": "the energy loss's own factor, where it has one",
    "sigma": "standard deviation of the noise that corrupts the pixels and every layer",
    "weight": "lambda: weight of the unlabelled images’ reconstruction beside the labelled ones’ cross-entropy",
    "adversarial": "weight of the critics’ or discriminators’ verdict in the generator’s loss",
    "mu_x": "weight of the difference between an image and its reconstruction in the generator’s loss",
    "image": "weight of half the squared difference between an image and its reconstruction, pixels from −1 to 1",
    "feature": "weight of half the squared difference between what the encoder’s feature layer says of the two",
    "code": "weight of half the squared difference between the codes of the two",
    "pause_D": "the discriminator rests once its loss is less than this many times the generator’s adversarial loss",
    "resume_D": "the discriminator learns again once its loss is more than this many times that loss",
    "pause_G": "the generator rests once the discriminator’s loss is more than this many times that loss",
    "sigma_x": "standard deviation of the noise on images",
    "sigma_h1": "standard deviation of the noise on the encoder’s feature layer",
    "sigma_h": "standard deviation of the noise on codes",
    "condition": "weight of the encoder’s error in telling, from what a generator made, what it was given",
    "entropy": "weight of the error in reading a generator’s noise from what it made; 0: its noise may come to nothing",
    "switch": "step at which the margin has fallen to 0 and the generator is switched off",
}

CHAIN = {  # h: the code; of a game's codes
    "eps1": "epsilon 1: how far a step goes towards likelier codes",
    "eps2": "epsilon 2: how far a step goes towards the class asked for",
    "eps3": "epsilon 3: standard deviation of a step’s noise",
    "steps": "of a chain",
    "rate": "what a whole step is multiplied by",
    "last_rate": "the rate goes to this in a line; –: it stays",
    "normalise": "whether each step is divided by its mean size: only the ratios of the epsilons matter then",
    "clip": "lowest and highest code; –: none here",
    "gradient": "what is climbed: the log-probability of the class, or its logit, or its activation",
    "decay": "what the code is multiplied by after each step",
}

PLAYERS = {  # of systems that draw by chains
    "E": "the encoder: images to codes",
    "G": "the generator: codes to images",
    "S": "the unit in which images are compared",
    "D": "the discriminator",
    "R": "the prior: codes to likelier ones",
    "D_x": "critic of images",
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


def hyperparameter_meaning(name: str) -> str:
    """What a game's number is, such as "mu_h"; empty if unknown."""
    layer = name.removeprefix("mu_")
    of_layer = f"the same for what layer {layer} of the encoder says of the two"
    return NUMBERS.get(name) or (of_layer if layer and layer != name else "")


def player_meaning(name: str) -> str:
    """What a player of a system that draws by chains does; empty if unknown."""
    layer = name.removeprefix("D_")
    return PLAYERS.get(name) or (f"critic of layer {layer}" if layer and layer != name else "")
