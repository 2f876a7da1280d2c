"""Helpers that know nothing of models: errors, files, checks, progress, the machine."""
