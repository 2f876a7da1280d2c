"""Classifiers from few labels."""
