"""Trains the MNIST classifier that Energan ships: python -m energan.metrics.features.train_mnist_classifier."""

import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from energan.metrics.features.mnist_classifier import FACTS, LEAST_ACCURACY, WEIGHTS, MnistClassifier
from energan.utils.errors import UserError


def train_mnist_classifier(seed: int = 0, epochs: int = 12, *, batch: int = 128) -> tuple[MnistClassifier, float]:
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
        net = MnistClassifier()
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
def accuracy(net: MnistClassifier, images: UInt8[Tensor, "n 1 h w"], labels: Int[Tensor, " n"]) -> float:
    """The share of images that are given their label."""
    guesses = torch.cat([net(some).argmax(1) for some in torch.split(images, 500)])
    return int((guesses == labels).sum()) / len(labels)


def save(net: MnistClassifier, folder: Path, *, correct: float, seed: int, epochs: int) -> None:
    """Write the weights (float16) and the JSON beside them.  Refuses (UserError) below LEAST_ACCURACY."""
    from safetensors.torch import save as to_bytes

    from energan.utils.files import write

    if correct < LEAST_ACCURACY:
        wrong = f"the retrained MNIST classifier reaches {correct:.2%}, below {LEAST_ACCURACY:.1%}"
        raise UserError(f"{wrong}: the weights were not written; train for more epochs")
    data = to_bytes(_halves(net))
    facts = {
        "accuracy": correct,
        "command": f"python -m energan.metrics.features.train_mnist_classifier --seed {seed} --epochs {epochs}",
        "seed": seed,
        "sha256": sha256(data).hexdigest(),
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "feature layer": "hidden: 128 units after ReLU, the input of the output layer",
    }
    for name, content in ((WEIGHTS.name, data), (FACTS.name, (json.dumps(facts, indent=2) + "\n").encode())):
        write(folder / name, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]


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


def _descend(net: MnistClassifier, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
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
