"""Readers of file formats and published data sets."""
