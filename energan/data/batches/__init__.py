"""Batches as pure functions of (seed, k): of images, of images with words, and where a GPU gets them from."""
