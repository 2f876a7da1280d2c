"""Commands that ask what a trained generator has learned: arithmetic, traverse; and walks through noise."""
