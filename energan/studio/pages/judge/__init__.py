"""Pictures, judged by a run: how unlike its training images they are, and where; and two sets, compared.

page.py       the page, and its two parts
scoring.py    the part that scores
details.py    a picture, large, with its nearest training images
comparing.py  the part that compares
pictures.py   pictures that are named or dropped
judged.py     what is computed, without a page
"""

from energan.studio.pages.judge.page import judge

__all__ = ["judge"]
