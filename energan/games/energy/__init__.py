"""Energy-based systems."""
