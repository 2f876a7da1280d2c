"""Networks that are told what to draw: a class, attributes, words."""
