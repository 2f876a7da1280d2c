"""Generators without a critic."""
