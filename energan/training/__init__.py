"""Training: the loop, its log, its previews."""
