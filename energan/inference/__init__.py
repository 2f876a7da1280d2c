"""A trained game, ready for use."""
