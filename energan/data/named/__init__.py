"""Data sets with a name, by content hash."""
