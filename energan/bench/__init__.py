"""How fast a step is, how fast it could be, and what to change."""
