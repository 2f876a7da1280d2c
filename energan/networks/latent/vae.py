"""The networks of the VAE on MNIST.  Kingma & Welling 2013, arXiv:1312.6114, section 5 and appendix C.

    E: x - 500 tanh - mean, log variance of z          G: z - 500 tanh - 784 logits

Weights ~ N(0, .01), read as the standard deviation, biases 0. The paper tries 3, 5, 10, 20 and 200 numbers of z.
"""

from functools import partial
from math import prod

from torch import nn

from energan.networks.dense.perceptron import Perceptron
from energan.networks.latent.posterior import Posterior
from energan.utils.specification import recorded

INIT = partial(nn.init.normal_, std=0.01)


@recorded
def encoder(z: int, shape: tuple[int, ...] = (1, 28, 28), *, size: int = 500) -> Posterior:
    """x (n, *shape) -> Gaussian of z."""
    return Posterior(Perceptron((prod(shape), size, 2 * z), activation="tanh", init=INIT))


@recorded
def decoder(z: int, shape: tuple[int, ...] = (1, 28, 28), *, size: int = 500) -> Perceptron:
    """z (n, z) -> logits (n, *shape)."""
    return Perceptron((z, size, prod(shape)), activation="tanh", shape=shape, init=INIT)
