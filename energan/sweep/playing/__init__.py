"""How trials are played: one, several as one program, and where."""
