"""Sweeps: many trials of one recipe, with other settings and seeds, in one folder that survives anything.

`energan sweep RECIPE --over lr=1e-3,1e-4 --over margin=5:20:log` runs one.
"""
