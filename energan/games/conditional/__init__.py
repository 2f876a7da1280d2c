"""Class-conditional systems."""
