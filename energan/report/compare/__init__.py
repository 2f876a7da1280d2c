"""Pages of several things side by side: two sets of images, or several runs."""
