"""The sentences of the flags that recipes share: a recipe's docstring has those of its own flags alone."""

import re
from collections.abc import Callable
from inspect import cleandoc, signature
from textwrap import indent
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from energan.experiment import Experiment

Recipe = TypeVar("Recipe", bound="Callable[..., Experiment]")

SENTENCES = {
    "data": "mnist, fashion-mnist, digits, or your own images (folder, .zip, .npz, .parquet).",
    "labels": "How many labels are kept, as many of each class; 0 for all there are.",
    "label_seed": "Of which labels are kept, and of nothing else.",
    "labels_csv": "A CSV with columns file and label, for a folder without class sub-folders.",
    "test": "Labelled images to measure the error on, where --data is no named set; one sub-folder per class.",
    "classes": "Classes of the images.",
    "size": "Pixels a side.",
    "steps": "Training steps, each one turn of D and one of G.",
    "batch": "Images a turn; of `train` also auto, the fastest that memory allows.",
    "seed": "Of the weights, the noise and the order of the data.",
    "save_every": "Steps between sample sheets, checkpoints and energy histograms.",
    "channels": "3 for colour, 1 for grey.",
    "energy": "l2 (the paper's norm), ssq (its square) or mse (its square per pixel).",
    "pt": "Weight of the pulling-away term.",
    "smoothing": "One-sided label smoothing: the target of real images is 1 less this.",
    "z": "Dimensions of the noise.",
    "width": "Feature maps of the widest resolution; less is faster.",
    "code": "The encoder's layer that G inverts.",
    "features": "The encoder's layer that the features' loss compares.",
    "image_loss": "Weight of the image's reconstruction loss: half the squared difference, in units of 1/255.",
    "feature_loss": "Weight of the features' reconstruction loss: half the squared difference.",
    "adversarial": "Weight of the adversary in G's loss.",
    "paired": "Whether D sees codes beside images.",
    "chain_steps": "Steps of the chains that draw.",
    "size_g": "Units of the generator's hidden layers, where it is fully connected.",
    "encoder": "The classifier that is inverted: a run's folder, or a .safetensors file with --module; empty: the "
    "thesis' net, which encoder-mnist trains once on the same images and their labels.",
    "module": "my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.",
    "critic_steps": "Turns of the critic before each of the generator.",
    "lr": "Adam's learning rate of both players.",
    "beta1": "Adam's first moment.",
    "decay": "Share of the steps, the last ones, over which the learning rate falls linearly to 0 (not in the paper).",
    "ema": "Decay of the generator's averaged weights, which sampling uses; 0 for none (not in the paper).",
    "only": "Classes to train on, by name, or first..last in their order; all by default.",
    "centre": "Cut the centred square of so many pixels out of each file first (CelebA: 108, 160); 0: the largest.",
    "patches": "Pixels a side of the images from which random squares of the nets' size are cut (96 in the paper's "
    "augmented LSUN); 0: images are shown whole.",
    "flip": "Mirror half of the images, others each time.",
    "augment": "Differentiable augmentation of real and generated images, for small sets: colour, translation, cutout.",
    "checkpoint_activations": "Compute activations again in the backward pass: less memory, a quarter more time.",
    "precision": "bf16 (autocast), fp32, or auto (bf16 where the processor has units for it).",
    "device": "cpu, cuda, cuda:1, or auto.",
    "compile": "Compile the objectives first (minutes on two cores).",
}


def documented(recipe: Recipe) -> Recipe:
    """The recipe itself, now with a sentence for every flag, in the signature's order: its own, else SENTENCES'.

    KeyError for a flag that neither has a sentence for.
    """
    if not recipe.__doc__:  # python -OO
        return recipe
    about, _, own = cleandoc(recipe.__doc__).partition("\nArgs:\n")
    parts = re.split(r"^    (\w+): ", own, flags=re.MULTILINE)
    told = {**SENTENCES, **dict(zip(parts[1::2], parts[2::2], strict=True))}
    lines = [f"    {name}: {told[name].rstrip()}" for name in signature(recipe).parameters]
    text = "\n".join([about.rstrip(), "", "Args:", *lines, ""])
    recipe.__doc__ = indent(text, "    ").lstrip() + "    "
    return recipe
