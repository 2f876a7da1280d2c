"""Plug and play: generators that invert a classifier."""
