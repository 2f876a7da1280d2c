"""The command `look`: what a set of images is, whether it is enough, and how to train on it."""
