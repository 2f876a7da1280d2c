"""Layers under which a training step stays a pure function: it resumes, repeats and batches under vmap."""

from energan.networks.layers.batch_norm import BatchNorm, measure_batch_norm
from energan.networks.layers.feature_extractor import FeatureExtractor, Features
from energan.networks.layers.initialisation import initialise, initialise_by_data
from energan.networks.layers.minibatch_discrimination import MinibatchDiscrimination
from energan.networks.layers.normalisation import SpectralNorm, Virtual, VirtualBatchNorm, WeightNorm, spectral_norm
from energan.networks.layers.scalar import Scalar
from energan.networks.layers.stochastic import Dropout, GaussianNoise, dropped
from energan.networks.layers.strided import Double, Halve

__all__ = [
    "BatchNorm",
    "Double",
    "Dropout",
    "FeatureExtractor",
    "Features",
    "GaussianNoise",
    "Halve",
    "MinibatchDiscrimination",
    "Scalar",
    "SpectralNorm",
    "Virtual",
    "VirtualBatchNorm",
    "WeightNorm",
    "dropped",
    "initialise",
    "initialise_by_data",
    "measure_batch_norm",
    "spectral_norm",
]
