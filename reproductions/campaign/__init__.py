"""Long reproductions, most valuable first, each in pieces that stop in time and go on to the same bits."""
