"""Packages that only some of Energan needs, and the extra that brings each.

`energan.load`, `sample` and `score` need none of them. Where one is missing, a sentence says what to install.
"""

from importlib.util import find_spec

from energan.utils.errors import UserError

TRAIN = ("jinja2", "matplotlib", "pyarrow", "scipy", "sklearn", "tensorboard", "torchmetrics")

EXTRA_OF = {
    **dict.fromkeys(TRAIN, "train"),
    **dict.fromkeys(("jinja2", "matplotlib"), "report"),
    "datasets": "hub", "huggingface_hub": "hub", "lmdb": "lmdb", "pillow_heif": "heic", "imageio_ffmpeg": "video",
    "onnx": "export", "onnxruntime": "export", "onnxscript": "export", "optuna": "sweep", "ray": "cluster",
    "torch_fidelity": "inception", "wandb": "wandb", "nicegui": "studio",
}  # fmt: skip
NAMES = {
    "sklearn": "scikit-learn",
    "torch_fidelity": "torch-fidelity",
}  # of packages that are not called as their modules


def missing(error: ModuleNotFoundError) -> str | None:
    """What to install, in one sentence; None where the module is none of these."""
    module = (error.name or "").partition(".")[0]
    if (extra := EXTRA_OF.get(module)) is None:
        return None
    return f"this needs {NAMES.get(module, module)}, which is not installed: pip install 'energan[{extra}]'"


def require_training() -> None:
    """UserError unless all that a training needs at its end, too, is installed: it is found out at its beginning."""
    if absent := [name for name in TRAIN if not _installed(name)]:
        names = ", ".join(NAMES.get(name, name) for name in absent)
        raise UserError(f"training and measuring need {names}, not installed: pip install 'energan[train]'")


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # of a module that somebody has put out of the way
        return False
