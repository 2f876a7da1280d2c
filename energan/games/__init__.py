"""Games: one file a published system. GAMES maps each name to its function."""

from energan.games.catalog import GAMES

__all__ = ["GAMES"]
