"""Commands that explore a trained generator: sample, walk, inpaint, invert, excite, restyle."""
