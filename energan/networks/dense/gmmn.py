"""The fully connected generator of GMMN (arXiv:1502.02761, section 4): 64, 256, 256 and 1024 ReLU units."""

from torch import nn

from energan.networks.dense.perceptron import Perceptron, with_tanh


def generator(z: int) -> nn.Sequential:
    """Noise (n, z) to digits (n, 1, 28, 28) in [-1, 1]."""
    return with_tanh(Perceptron((z, 64, 256, 256, 1024, 784), shape=(1, 28, 28)))
