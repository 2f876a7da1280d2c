"""Sets of pairs: an image, and what it is to become."""
