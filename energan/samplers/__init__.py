"""Samplers: plain functions over callables. They know neither games nor runs."""

from energan.samplers.activation_maximisation import activation_maximisation
from energan.samplers.chains import Bounds, Map, Trace
from energan.samplers.inpainting import Context
from energan.samplers.langevin import langevin
from energan.samplers.mala import mala_approx

__all__ = ["Bounds", "Context", "Map", "Trace", "activation_maximisation", "langevin", "mala_approx"]
