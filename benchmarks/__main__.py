"""python -m benchmarks: every timing, side by side in one run."""

from benchmarks import engine

if __name__ == "__main__":
    engine.main([])
