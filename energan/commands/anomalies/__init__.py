"""The commands `score` and `detect`, and the maps that they draw."""
