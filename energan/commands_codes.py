"""What the command line can do with runs that draw by chains: sample, invert, inpaint, walk, excite.

None is the system's own setting, as it was published or as the run's flags had it.
"""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from energan.console import say
from energan.recipes.common import at_least, positive, share, usable_seed

Gradient = Literal["log-softmax", "logit", "activation"]
Class = Annotated[str, arg(name="class")]


def sample(
    run: str, /, *, n: int = 64, class_: Class = "", out: str = "samples.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", path: str = "", eps1: float | None = None, eps2: float | None = None,
    eps3: float | None = None, chain_steps: int | None = None, rate: float | None = None,
    gradient: Gradient | None = None, normalise: bool | None = None,
) -> int:  # fmt: skip
    """Draw images from a run: from noise, or by chains that a classifier leads.

    Args:
        run: The run's folder.
        n: How many images; of each class, where --class names some.
        class_: Classes to draw, by name or number, with commas between, or all; empty: classes in turn.
        out: x.png is one sheet, x.npz one uint8 array `images` (n, c, h, w), anything else a folder of PNGs.
        seed: Of the noise; the same seed gives the same images.
        checkpoint: "best", a step, or a path; the newest by default.
        classifier: What leads the chains instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        path: A .png of the chains frame by frame, a row each.
        eps1: Factor of the prior, R(h) - h.
        eps2: Factor of the classifier's gradient.
        eps3: Standard deviation of the noise.
        chain_steps: Steps of each chain.
        rate: What each step is multiplied by.
        gradient: What of the classifier is climbed.
        normalise: Whether each step is divided by its mean size.
    """
    from energan import steering

    at_least(1, n=n)
    usable_seed(seed)
    chain = {
        "eps1": eps1, "eps2": eps2, "eps3": eps3, "steps": chain_steps, "rate": rate, "gradient": gradient,
        "normalise": normalise,
    }  # fmt: skip
    say(
        steering.sample(
            Path(run), Path(out), asked=class_, n=n, seed=seed, checkpoint=checkpoint, classifier=classifier,
            module=module, path=Path(path) if path else None, chain=chain,
        )
    )  # fmt: skip
    return 0


def invert(
    images: str, /, *, run: str, out: str = "inverted.png", csv: str = "", n: int = 50, checkpoint: str = "",
    split: str = "",
) -> int:  # fmt: skip
    """Bring images through a run's codes: each beside what the generator makes of its code.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        out: A .png of pairs.
        csv: A .csv or .parquet with the mean square error of every image.
        n: How many pairs at most.
        checkpoint: A step or a path; the newest by default.
        split: train or test; by default test of a named set, and all of a folder or file that has no splits.
    """
    from energan import seeing

    at_least(1, n=n)
    say(
        seeing.invert(images, Path(run), Path(out), Path(csv) if csv else None, n=n, checkpoint=checkpoint, split=split)
    )
    return 0


def inpaint(
    images: str, /, *, run: str, mask: str = "", box: str = "", class_: Class = "", out: str = "inpainted.png",
    n: int = 8, fills: int = 4, seed: int = 0, checkpoint: str = "", classifier: str = "", module: str = "",
    eps4: float | None = None, eps1: float | None = None, eps2: float | None = None, chain_steps: int | None = None,
    rate: float | None = None,
) -> int:  # fmt: skip
    """Fill in what is missing of images: the image, what is known of it, and several fills.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        mask: An image of the size of the run's, white where there is something to fill in.
        box: Instead of a mask, what to fill in: top,left,height,width in pixels.
        class_: The class to fill in, by name or number; empty: what the classifier makes of each image at the start.
        out: A .png with a row for each image.
        n: How many images at most.
        fills: Fills of each image.
        seed: Of the fills.
        checkpoint: A step or a path; the newest by default.
        classifier: What leads the chains instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        eps4: Factor of the pull towards what is known.
        eps1: Factor of the prior, R(h) - h.
        eps2: Factor of the classifier's gradient.
        chain_steps: Steps of each chain.
        rate: What each step is multiplied by.
    """
    from energan import steering

    at_least(1, n=n, fills=fills)
    usable_seed(seed)
    chain = {"eps1": eps1, "eps2": eps2, "steps": chain_steps, "rate": rate}
    say(
        steering.inpaint(
            images, Path(run), Path(out), mask=mask, box=box, asked=class_, n=n, fills=fills, eps4=eps4, seed=seed,
            checkpoint=checkpoint, classifier=classifier, module=module, chain=chain,
        )
    )  # fmt: skip
    return 0


def walk(
    run: str, /, *, classes: str, frames: int = 12, out: str = "walk.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", chain_steps: int | None = None, rate: float | None = None,
) -> int:  # fmt: skip
    """Lead one chain from class to class, beside straight lines between its codes: a sheet and a GIF.

    Args:
        run: The run's folder.
        classes: Classes by name or number, with commas between, such as 3,8,0.
        frames: Frames between two classes.
        out: The sheet, a .png: for each leg a row of the chain, and one of the line. The GIF is beside it.
        seed: Of the start code and the noise.
        checkpoint: A step or a path; the newest by default.
        classifier: What leads the chain instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        chain_steps: Steps of the chain for each class.
        rate: What each step is multiplied by.
    """
    from energan import steering

    usable_seed(seed)
    say(
        steering.walk(
            Path(run), Path(out), asked=classes, frames=frames, seed=seed, checkpoint=checkpoint,
            classifier=classifier, module=module, chain={"steps": chain_steps, "rate": rate},
        )
    )  # fmt: skip
    return 0


def excite(
    run: str, /, *, unit: str, n: int = 8, out: str = "excited.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", chain_steps: int = 200, rate: float = 8.0, decay: float = 0.99,
) -> int:  # fmt: skip
    """Draw what units of a classifier look for: activation maximisation, as DGN-AM does it.

    Args:
        run: The run's folder.
        unit: LAYER:INDEX or LAYER:INDEX,INDEX of the encoder, or of --classifier; logits:7 is class 7.
        n: Images of each unit.
        out: A .png with a row for each unit.
        seed: Of the start codes.
        checkpoint: A step or a path; the newest by default.
        classifier: Whose units: a classifier's run folder, or a .safetensors file with --module; empty: the encoder's.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        chain_steps: Steps of each chain.
        rate: Mean size of the first step; it falls to 0 in a line.
        decay: What each step's code is multiplied by.
    """
    from energan import seeing

    at_least(1, n=n, chain_steps=chain_steps)
    positive(rate=rate)
    if decay != 1:
        share(decay=decay)
    usable_seed(seed)
    say(
        seeing.excite(
            Path(run), Path(out), unit=unit, n=n, steps=chain_steps, rate=rate, decay=decay, seed=seed,
            checkpoint=checkpoint, classifier=classifier, module=module,
        )
    )  # fmt: skip
    return 0
