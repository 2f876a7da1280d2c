"""The command `compare`: two sets of images, or several runs."""
