"""A classifier of somebody's own: what `--module tiny_encoder:Net` names in the tests."""

from torch import nn

from energan.engine.rng import seeded


class Net(nn.Sequential):
    """28 x 28 grey images -> "h", 6 numbers >= 0 -> 10 logits. Always the same."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.h = nn.Sequential(nn.Flatten(), nn.Linear(784, 6), nn.ReLU())
            self.logits = nn.Linear(6, 10)


class Maps(nn.Sequential):
    """Images in colour, of any size -> "maps", 4 maps >= 0 -> 3 logits. Always the same."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.maps = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
            self.logits = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


class Colour(nn.Sequential):
    """64 x 64 images in colour -> "h", 6 numbers >= 0 -> 3 logits. Always the same."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.h = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 6), nn.ReLU())
            self.logits = nn.Linear(6, 3)
