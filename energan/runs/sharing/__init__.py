"""Runs that travel: what of a run is given away, as a .zip or on the hub, and what is taken of somebody else's."""
