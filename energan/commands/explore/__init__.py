"""Commands that explore a trained generator: sample, inpaint, invert, excite, restyle."""
