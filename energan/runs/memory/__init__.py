"""How much memory a run may take."""
