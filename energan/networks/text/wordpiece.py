"""WordPiece: sentences as numbers of a vocabulary, as uncased BERT reads them.

Wu et al. 2016, arXiv:1609.08144, section 4.1; Devlin et al. 2018, arXiv:1810.04805. A text is lower-cased, its accents
and control characters go, and it is cut at spaces, at punctuation and around Chinese characters; each word is then the
longest piece that the vocabulary has, and the longest of the rest, with "##" before it; [UNK] where there is none.

NOTE: what looks like a token of BERT's own ("[SEP]") is text here as any other: a caption is a stranger's.
"""

import string
import unicodedata
from collections.abc import Iterator, Mapping

START, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"

LONGEST_WORD = 100  # characters; a longer word is unknown

LONGEST = 256  # tokens of a sentence, with its start and end; the rest is left out, as the model was made for

CONTROL = frozenset({"Cc", "Cf", "Co", "Cs"})  # not Cn: newer emoji are unknown words, whatever Unicode Python knows

# blocks of Chinese characters, which are words of their own
CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def tokens(sentence: str, vocabulary: Mapping[str, int], longest: int = LONGEST) -> tuple[int, ...]:
    """The sentence's tokens: [CLS], its pieces, [SEP]; at most `longest` of them.

    Example:
        >>> known = ["[UNK]", "[CLS]", "[SEP]", "a", "dig", "##it", "!"]
        >>> tokens("Ä digit, DIG!", {piece: i for i, piece in enumerate(known)})
        (1, 3, 4, 5, 0, 4, 6, 2)
    """
    found: list[int] = []
    for word in words(sentence[: longest * LONGEST_WORD]):
        found += pieces(word, vocabulary)
        if len(found) >= longest - 2:
            break
    return vocabulary[START], *found[: longest - 2], vocabulary[END]


def words(text: str) -> Iterator[str]:
    """The words and signs of a text, in lower case, without accents.

    Example:
        >>> list(words("L'été, (2024)!"))
        ['l', "'", 'ete', ',', '(', '2024', ')', '!']
    """
    plain = "".join(_cleaned(text))
    bare = "".join(c for c in unicodedata.normalize("NFD", plain) if unicodedata.category(c) != "Mn")
    for run in bare.lower().split():
        word = ""
        for c in run:
            if _is_sign(c):
                yield from filter(None, (word, c))
                word = ""
            else:
                word += c
        if word:
            yield word


def _cleaned(text: str) -> Iterator[str]:
    for c in text:
        if c in "\t\n\r":
            yield " "
        elif c == "\ufffd" or unicodedata.category(c) in CONTROL:  # \x1c too, which Python takes for a space
            continue
        elif c.isspace():
            yield " "
        else:
            yield f" {c} " if any(first <= ord(c) <= last for first, last in CHINESE) else c


def _is_sign(c: str) -> bool:
    return c in string.punctuation or unicodedata.category(c)[0] == "P"


def pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """The numbers of a word's longest pieces, from its start; [UNK]'s alone if some of it has none."""
    if len(word) > LONGEST_WORD:
        return [vocabulary[UNKNOWN]]
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        known = (end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary)
        end = next(known, None)
        if end is None:
            return [vocabulary[UNKNOWN]]
        found.append(vocabulary[mark + word[start:end]])
        start = end
    return found
