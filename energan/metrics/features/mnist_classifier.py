"""The project's own MNIST classifier, which MNIST-IS, MNIST-FID and the modified score are measured with.

"The classifier is a regular 3-layer ConvNet trained on MNIST" on "the entire MNIST training set"
(Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, appendix C).  The paper gives no sizes; ours are

    (32)5c - pool2 - (64)3c - pool2 - (128)3c - pool2 - 128 - 10

with batch norm and ReLU after each but the last

Its weights ship beside this file, with a JSON that says how they were made.  They are made anew by

    python -m energan.metrics.features.train_mnist_classifier --seed 0 --epochs 12

images: uint8 (n, 1, 28, 28), or (n, 1, 32, 32) which is MNIST zero-padded and is cropped back.
"""

from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.utils.errors import UserError

WEIGHTS = Path(__file__).with_name("mnist_classifier.safetensors")

FACTS = WEIGHTS.with_suffix(".json")

LEAST_ACCURACY = 0.992  # on the 10,000 test images; below it the weights are not written

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels in [0, 1]


class MnistClassifier(nn.Module):
    """Images -> logits of the ten digits; `features` gives the penultimate layer, after its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        layers = (*_convolution(1, 32, 5), *_convolution(32, 64, 3), *_convolution(64, 128, 3))
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(128 * 3 * 3, 128), nn.BatchNorm1d(128), nn.ReLU())
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(128, 10)

    def features(self, images: UInt8[Tensor, "n 1 h w"]) -> Float[Tensor, "n 128"]:
        """The penultimate features, >= 0.  Raises UserError for anything but uint8 (n, 1, 28 or 32, same)."""
        return self.hidden(self.convolutions(_standardised(images)))

    def forward(self, images: UInt8[Tensor, "n 1 h w"]) -> Float[Tensor, "n 10"]:
        return self.output(self.dropout(self.features(images)))


def mnist_classifier() -> MnistClassifier:
    """The trained classifier, frozen, in eval mode and float32.  Raises UserError if the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not WEIGHTS.is_file():
        command = "python -m energan.metrics.features.train_mnist_classifier"
        raise UserError(f"{WEIGHTS} is missing: make it with `{command}`")
    net = MnistClassifier()
    try:
        net.load_state_dict(load(WEIGHTS.read_bytes()))  # float16 on disk, copied into float32
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{WEIGHTS} does not hold the MNIST classifier: install Energan again") from error
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)


def _convolution(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    # the greatest of four first: the same numbers, and a quarter of them for the ReLU
    return convolution, nn.BatchNorm2d(outputs), nn.MaxPool2d(2), nn.ReLU()


def _standardised(images: UInt8[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 28 28"]:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] not in {(1, 28, 28), (1, 32, 32)}:
        raise UserError(
            "the MNIST classifier takes uint8 images of shape (n, 1, 28, 28) or (n, 1, 32, 32), "
            f"not {images.dtype} {tuple(images.shape)}"
        )
    edge = (images.shape[-1] - 28) // 2
    scaled = images[:, :, edge : edge + 28, edge : edge + 28].float() / 255
    return ((scaled - MEAN) / STD).contiguous(memory_format=torch.channels_last)
