"""Networks of systems that make images of images."""
