"""The language of worded MNIST: what is true of an image, the sentences that say it, and what a sentence says.

    sentence   a [thickness] [colour] DIGIT [slant] [position]      "a thick red seven leaning left at the top"

Each word has synonyms. What a sentence leaves out, it does not ask for. No synonym is a part of another fact's.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from numpy.random import RandomState

from energan.utils.errors import UserError, printable

WORDS: dict[str, dict[str, tuple[str, ...]]] = {  # fact -> value -> its synonyms, the value's own first
    "colour": {
        "red": ("red", "crimson"),
        "orange": ("orange",),
        "yellow": ("yellow",),
        "green": ("green",),
        "blue": ("blue",),
        "purple": ("purple", "violet"),
        "pink": ("pink",),
        "white": ("white",),
    },
    "thickness": {
        "thin": ("thin", "fine"),
        "medium": ("medium", "normal"),
        "thick": ("thick", "bold"),
    },
    "slant": {
        "left": ("leaning left", "tilted to the left", "slanting left"),
        "upright": ("upright", "standing straight"),
        "right": ("leaning right", "tilted to the right", "slanting right"),
    },
    "position": {
        "centre": ("in the centre", "in the middle"),
        "left": ("on the left", "at the left edge"),
        "right": ("on the right", "at the right edge"),
        "top": ("at the top", "near the upper edge"),
        "bottom": ("at the bottom", "near the lower edge"),
    },
    "digit": {
        str(number): (word, str(number))
        for number, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
    },
}

VALUES = {fact: tuple(values) for fact, values in WORDS.items()}

FACTS = tuple(WORDS)

DROPPED = 0.2  # how often a sentence leaves a fact out; the digit and the first sentence's never

SAYS = {phrase: (fact, value) for fact, of in WORDS.items() for value, said in of.items() for phrase in said}

PHRASE = re.compile(rf"\b({'|'.join(sorted(map(re.escape, SAYS), key=len, reverse=True))})\b")

TEMPLATES = (
    "{article} {thickness} {colour} {digit} {slant} {position}",
    "{article} {colour} {thickness} {digit} {position} {slant}",
    "the digit {digit} in {colour} {thickness} strokes {slant} {position}",
    "{position} {article} {thickness} {colour} {digit} {slant}",
)


class Facts(NamedTuple):
    """What is true of an image, or said in a sentence; "" for what is not said.

    Example:
        >>> facts("a thick red seven leaning left at the top")
        Facts(colour='red', thickness='thick', slant='left', position='top', digit='7')
        >>> facts("a seven").colour
        ''
    """

    colour: str = ""  # a key of WORDS["colour"], and so on
    thickness: str = ""
    slant: str = ""
    position: str = ""
    digit: str = ""


def facts(caption: str) -> Facts:
    """What a sentence says, in any case. Other words are passed over.

    UserError for two values of one fact ("a red blue seven"): which one is asked for is not to be guessed.
    """
    found: dict[str, str] = {}
    for phrase in PHRASE.findall(" ".join(caption.lower().split())):
        fact, value = SAYS[phrase]
        if found.setdefault(fact, value) != value:
            raise UserError(
                f'the sentence "{printable(caption)[:100]}" says two of {fact}, {found[fact]} and {value}: keep one'
            )
    return Facts(**found)


def sentence(said: Facts) -> str:
    """The plain sentence: every fact by its own word, in the order of the grammar.

    Example:
        >>> sentence(Facts("red", "thick", "left", "top", "7"))
        'a thick red seven leaning left at the top'
    """
    words = {fact: WORDS[fact][value][0] if value else "" for fact, value in said._asdict().items()}
    return _filled(TEMPLATES[0], words)


@cache
def sentences(true: Facts, n: int) -> tuple[str, ...]:
    """n sentences of an image: the plain one, then others with synonyms, in other orders, with facts left out.

    They are the same of all images of which the same is true, so that there are few to be read by an encoder.
    """
    digest = hashlib.sha256(sentence(true).encode()).digest()
    random = RandomState(int.from_bytes(digest[:4], "little"))  # NumPy promises that it never changes what it draws
    return (sentence(true), *(_other(true, random) for _ in range(n - 1)))


def _other(true: Facts, random: RandomState) -> str:
    words = {}
    for fact, value in true._asdict().items():
        said = WORDS[fact][value]
        left_out = fact != "digit" and random.rand() < DROPPED
        words[fact] = "" if left_out else said[random.randint(len(said))]
    words["digit"] = WORDS["digit"][true.digit][0]
    template = TEMPLATES[random.randint(len(TEMPLATES))]
    return _filled(template, words)


def _filled(template: str, words: Mapping[str, str]) -> str:
    """The template with its words, single spaces and the right article."""
    text = template
    if not words["colour"] and not words["thickness"]:
        text = text.replace(" in {colour} {thickness} strokes", "")
    text = " ".join(text.format(**{**words, "article": "@"}).split())
    return re.sub(r"@ (?=[aeiou])(?!one\b)", "an ", text).replace("@ ", "a ")
