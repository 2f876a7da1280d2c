"""How good are the images?  Scores, distances and neighbours, each named with its feature network."""
