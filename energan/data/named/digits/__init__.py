"""Sets that are made from MNIST's digits."""
