"""Sets of images with sentences."""
