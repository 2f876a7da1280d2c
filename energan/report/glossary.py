"""What settings and states mean, a line each."""

SETTINGS = {  # of run.json, in the order shown
    "steps": "",
    "batch": "images in a step; for a classifier, labelled ones and as many unlabelled",
    "seed": "",
    "save_every": "steps between checkpoints, pictures and histograms; metrics are measured every fourth time",
    "precision": "",
    "device": "",
    "ema": "decay per step of the averaged weights",
    "network": "features that metrics are measured with",
    "stop_when_flat": "looks without a nearer distance after which it ends; 0: never",
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
    "finished early": "It ended before its last step: samples came no nearer; energan resume goes on.",
    "stopped": "It was stopped before its end; energan resume continues it.",
    "diverged": "It diverged: its numbers left the range that training can go on from.",
    "running": "It has not finished yet, or was killed without warning.",
}
