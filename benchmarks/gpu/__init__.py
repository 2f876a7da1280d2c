"""What needs a GPU to be known: whether everything plays there, and how fast it is. See benchmarks/README.md."""
