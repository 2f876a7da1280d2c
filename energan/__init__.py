"""Energan: adversarial and energy-based generative models in PyTorch.

    train                    trains a recipe on a named set, your files or your torch dataset
    load                     the trained model of a run folder
    Run                      a run: curves, verdict, samples, model
    show                     one picture of many images
    data                     images: energan.data.load, and what makes batches of them
    torch_dataset            any of Energan's images as a torch Dataset
    EBGAN, DCGAN             scikit-learn estimators: an outlier detector that draws, and a generator
    AutoencoderDetector      an outlier detector by an auto-encoder, of pixels or of a frozen network's features
    InfoGAN, AdversarialAutoencoder
                             estimators that read codes off what they learn to draw
    LadderClassifier, EBGANLadderClassifier, ImprovedGANClassifier
                             classifiers that learn from few labels
    DomainAdversarialClassifier
                             a classifier of rows whose labels nobody knows, from labelled rows of another kind
    UserError                what bad input raises, with one sentence

Nothing heavy is imported until it is used: `import energan` takes milliseconds.

>>> import energan
>>> energan.EBGAN(margin=1.0).margin
1.0
>>> energan.load("no such folder")
Traceback (most recent call last):
...
energan.utils.errors.UserError: ...
"""

from importlib import import_module

TYPE_CHECKING = False  # typing's takes milliseconds, in which Ctrl-C would show a traceback
if TYPE_CHECKING:
    from energan import data as data
    from energan.commands.from_python import train as train
    from energan.data.batches.torch_dataset import torch_dataset as torch_dataset
    from energan.estimators.aae import AdversarialAutoencoder as AdversarialAutoencoder
    from energan.estimators.autoencoder import AutoencoderDetector as AutoencoderDetector
    from energan.estimators.classifiers import EBGANLadderClassifier as EBGANLadderClassifier
    from energan.estimators.classifiers import ImprovedGANClassifier as ImprovedGANClassifier
    from energan.estimators.classifiers import LadderClassifier as LadderClassifier
    from energan.estimators.dann import DomainAdversarialClassifier as DomainAdversarialClassifier
    from energan.estimators.dcgan import DCGAN as DCGAN
    from energan.estimators.ebgan import EBGAN as EBGAN
    from energan.estimators.infogan import InfoGAN as InfoGAN
    from energan.inference.pictures.display import show as show
    from energan.report.run import Run as Run
    from energan.runs.rebuild import load as load
    from energan.utils.errors import UserError as UserError
    from energan.utils.specification import recorded as recorded
    from energan.utils.version import __version__ as __version__

_HOME = {
    "AutoencoderDetector": "energan.estimators.autoencoder",
    "EBGAN": "energan.estimators.ebgan",
    "DCGAN": "energan.estimators.dcgan",
    "InfoGAN": "energan.estimators.infogan",
    "AdversarialAutoencoder": "energan.estimators.aae",
    "LadderClassifier": "energan.estimators.classifiers",
    "EBGANLadderClassifier": "energan.estimators.classifiers",
    "ImprovedGANClassifier": "energan.estimators.classifiers",
    "DomainAdversarialClassifier": "energan.estimators.dann",
    "Run": "energan.report.run",
    "load": "energan.runs.rebuild",
    "show": "energan.inference.pictures.display",
    "torch_dataset": "energan.data.batches.torch_dataset",
    "train": "energan.commands.from_python",
    "UserError": "energan.utils.errors",
    "recorded": "energan.utils.specification",
    "__version__": "energan.utils.version",
}

_PACKAGES = ("data",)


def __getattr__(name: str) -> object:
    if name in _HOME or name in _PACKAGES:
        try:
            return import_module(f"energan.{name}") if name in _PACKAGES else getattr(import_module(_HOME[name]), name)
        except ModuleNotFoundError as error:
            from energan.utils.extras import missing

            raise ModuleNotFoundError(missing(error) or str(error), name=error.name) from error
    raise AttributeError(f"module 'energan' has no attribute {name!r}")
