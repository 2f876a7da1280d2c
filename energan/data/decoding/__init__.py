"""Decoding image files once, into a cache."""
