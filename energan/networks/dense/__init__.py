"""Fully connected networks."""
