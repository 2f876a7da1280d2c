"""What noise is read from images, and what is done with it."""
