"""Interpretable codes, and auto-encoders with a prior."""
