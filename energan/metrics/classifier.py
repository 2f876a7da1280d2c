"""The project's own MNIST classifier, which MNIST-IS, MNIST-FID and the modified score are measured with.

"The classifier is a regular 3-layer ConvNet trained on MNIST" on "the entire MNIST training set"
(Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, appendix C).  The paper gives no sizes; ours are

    (32)5c - pool2 - (64)3c - pool2 - (128)3c - pool2 - 128 - 10

with batch norm and ReLU after each but the last

Its weights ship beside this file, with a JSON that says how they were made.  They are made anew by

    python -m energan.metrics.classifier --seed 0 --epochs 12

images: uint8 (n, 1, 28, 28), or (n, 1, 32, 32) which is MNIST zero-padded and is cropped back.
"""

import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from energan.errors import UserError

WEIGHTS = Path(__file__).with_name("mnist_classifier.safetensors")
FACTS = WEIGHTS.with_suffix(".json")
LEAST_ACCURACY = 0.992  # on the 10,000 test images; below it the weights are not written
MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels in [0, 1]


class Classifier(nn.Module):
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


def mnist_classifier() -> Classifier:
    """The trained classifier, frozen, in eval mode and float32.  Raises UserError if the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not WEIGHTS.is_file():
        raise UserError(f"{WEIGHTS} is missing: make it with `python -m energan.metrics.classifier`")
    net = Classifier()
    try:
        net.load_state_dict(load(WEIGHTS.read_bytes()))  # float16 on disk, copied into float32
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{WEIGHTS} does not hold the MNIST classifier: install Energan again") from error
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)


def train_mnist_classifier(seed: int = 0, epochs: int = 12, *, batch: int = 128) -> tuple[Classifier, float]:
    """A classifier trained on all 60,000 training images, and its accuracy on the 10,000 test images.

    AdamW, one cycle up to 3e-3, images turned, scaled and shifted at random.  The test images choose nothing:
    the last weights are the result.  Two to three minutes on two cores.
    """
    if epochs < 1:
        raise UserError(f"the MNIST classifier needs at least 1 epoch of training, not {epochs}")
    (images, labels), test = _mnist("train"), _mnist("test")
    steps = len(labels) // batch  # an epoch
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Classifier()
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, epochs * steps, pct_start=0.2)
        for epoch in range(epochs):
            net.train()
            for rows in torch.randperm(len(labels))[: steps * batch].view(-1, batch):
                _descend(net, optimizer, _jittered(images[rows]), labels[rows])
                schedule.step()
            correct = accuracy(net.eval(), *test)
            print(f"epoch {epoch + 1}/{epochs}: {correct:.2%} of the test images", flush=True)
    return net.eval().requires_grad_(False), correct


@torch.no_grad()
def accuracy(net: Classifier, images: UInt8[Tensor, "n 1 h w"], labels: Int[Tensor, " n"]) -> float:
    """The share of images that are given their label."""
    guesses = torch.cat([net(some).argmax(1) for some in torch.split(images, 500)])
    return int((guesses == labels).sum()) / len(labels)


def save(net: Classifier, folder: Path, *, correct: float, seed: int, epochs: int) -> None:
    """Write the weights (float16) and the JSON beside them.  Refuses (UserError) below LEAST_ACCURACY."""
    from safetensors.torch import save as to_bytes

    from energan.data.registry import replacing

    if correct < LEAST_ACCURACY:
        wrong = f"the retrained MNIST classifier reaches {correct:.2%}, below {LEAST_ACCURACY:.1%}"
        raise UserError(f"{wrong}: the weights were not written; train for more epochs")
    data = to_bytes(_halves(net))
    facts = {
        "accuracy": correct,
        "command": f"python -m energan.metrics.classifier --seed {seed} --epochs {epochs}",
        "seed": seed,
        "sha256": sha256(data).hexdigest(),
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "feature layer": "hidden: 128 units after ReLU, the input of the output layer",
    }
    for name, content in ((WEIGHTS.name, data), (FACTS.name, (json.dumps(facts, indent=2) + "\n").encode())):
        with replacing(folder / name) as file:
            file.write(content)


def retrain(*, seed: int = 0, epochs: int = 12, out: Path = WEIGHTS.parent) -> None:
    """Train the MNIST classifier again and replace the shipped weights.

    Args:
        seed: of the initial weights, the order of the images and their jitter.
        epochs: passes over the 60,000 training images.
        out: folder that the weights and their JSON are written to.
    """
    net, _ = train_mnist_classifier(seed, epochs)
    net.load_state_dict(_halves(net))  # measure what is shipped, not what was rounded to make it
    correct = accuracy(net, *_mnist("test"))
    save(net, out, correct=correct, seed=seed, epochs=epochs)
    print(f"accuracy {correct:.2%}; wrote {out / WEIGHTS.name}")


def _mnist(split: str) -> tuple[Tensor, Tensor]:
    """All of MNIST, checked by hash: uint8 images (n, 1, 28, 28), int64 labels (n)."""
    from energan.data import load

    data = load("mnist", split=split)
    if data.labels is None:
        raise UserError(f"MNIST's {split} images came without labels: the classifier needs them")
    return data.images, data.labels.long()


def _convolution(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)


def _standardised(images: UInt8[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 28 28"]:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] not in {(1, 28, 28), (1, 32, 32)}:
        raise UserError(
            "the MNIST classifier takes uint8 images of shape (n, 1, 28, 28) or (n, 1, 32, 32), "
            f"not {images.dtype} {tuple(images.shape)}"
        )
    edge = (images.shape[-1] - 28) // 2
    scaled = images[:, :, edge : edge + 28, edge : edge + 28].float() / 255
    return ((scaled - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def _descend(net: Classifier, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(images)
    optimizer.zero_grad()
    loss = F.cross_entropy(logits.float(), labels)  # unsmoothed: the scores read p(y|x)'s tails
    torch.autograd.backward(loss)
    optimizer.step()


def _jittered(images: UInt8[Tensor, "n 1 28 28"]) -> UInt8[Tensor, "n 1 28 28"]:
    """Each image turned by up to 12 degrees, scaled by 0.9 to 1.1, shifted by up to 2 pixels."""
    angle, scale, across, down = (2 * torch.rand(4, len(images)) - 1).unbind()
    angle, scale = angle * torch.pi / 15, 1 + scale / 10
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    shift = 2 * 2 / 28  # 2 pixels of 28, on a grid where the image is 2 wide
    rows = torch.stack([cosine, -sine, shift * across, sine, cosine, shift * down], 1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images.float(), grid, align_corners=False).round().to(torch.uint8)


def _halves(net: nn.Module) -> dict[str, Tensor]:
    return {k: w.half().contiguous() if w.is_floating_point() else w for k, w in net.state_dict().items()}


if __name__ == "__main__":
    import tyro

    try:
        tyro.cli(retrain)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
