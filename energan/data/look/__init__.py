"""What a set of images is, before anything is trained on it: sizes, kinds, classes, duplicates, broken files.

seen.py        one image: its size, its kind, whether it can be read
duplicates.py  which images are the same file, or nearly the same picture
sources.py     all images of a source, split by split
facts.py       what there is to say of them
"""

from energan.data.look.facts import facts
from energan.data.look.sources import Looked, look

__all__ = ["Looked", "facts", "look"]
