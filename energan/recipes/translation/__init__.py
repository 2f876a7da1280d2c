"""Recipes of systems that make pictures of pictures."""
