"""Recipes of systems that read noise from images, or whose noise has parts with a meaning."""
