"""The entries of the campaign, most valuable first."""

from reproductions import cgan, emoji, figure4, figure9, parzen, table2
from reproductions.campaign import thesis
from reproductions.campaign.entry import Conditions, Entry
from reproductions.grid import entries as grid


def catalog(where: Conditions) -> list[Entry]:
    """All entries: of full length, or toys."""
    toy = where.toy
    entries = [
        *table2.entries(where),
        *figure4.entries(where, **({"steps": 4, "seeds": 2} if toy else {})),
        *figure9.entries(where, **({"steps": 4, "size_g": 16} if toy else {})),
        *emoji.entries(where),
        *table2.improved_gan(where),
        *parzen.entries(where, **({"steps": 10, "seeds": 2} if toy else {})),
        *cgan.entries(where, **({"steps": 10, "seeds": 2} if toy else {})),
        *thesis.entries(where),
        *grid.entries(where),
    ]
    if where.tf32:
        return [entry._replace(settings={**entry.settings, "products": "tf32"}) for entry in entries]
    return entries
