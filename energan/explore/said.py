"""Sentences as people ask for them, and their codes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.console import warn
from energan.utils.errors import UserError, printable

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from energan.inference.model import Model

LONGEST = 500  # characters of a sentence; more would not be read to its end

NAMED = 5  # unknown words that a warning names


def codes_of(
    model: "Model", folder: Path, record: Mapping[str, Any], sentences: Sequence[str]
) -> 'Float[Tensor, "n d"]':
    """The codes of sentences, as the run's training had them; a warning names words that no training caption has.

    Raises:
        UserError: The run's system reads no sentences; one is empty, or too long to be read to its end; the encoder
            cannot be had.
    """
    from energan.runs.rebuild import rebuild

    asked = model.game.conditions
    if asked is None or asked.kind != "text":
        classes = ": it draws classes, by --class" if model.classes else ""
        raise UserError(f"{folder} reads no sentences{classes}. Systems that do are gan-int-cls-mnist and its like")
    kept = [clean(text, i, len(sentences)) for i, text in enumerate(sentences)]
    _tell_unknown(kept, record)
    sentences_of = rebuild(record, device="cpu").sentences
    if sentences_of is None:
        raise UserError(f"{folder} does not say how its sentences became codes: it can be asked from Python alone")
    return sentences_of[0](kept)


def clean(text: str, i: int = 0, of: int = 1) -> str:
    """The sentence with single spaces. UserError for an empty one, and for one that is too long."""
    kept = " ".join(text.split())
    which = f"sentence {i + 1} of {of}" if of > 1 else "the sentence"
    if not any(character.isalnum() for character in kept):
        raise UserError(f"{which} has no words: write what is to be drawn, such as --text 'a red seven'")
    if len(kept) > LONGEST:
        raise UserError(f"{which} has {len(kept):,} characters, and {LONGEST} at most are read: say it in fewer words")
    return kept


def unknown_words(sentences: Sequence[str], known: object) -> list[str]:
    """Words that no training caption has, sorted; none where the run does not know its captions' words.

    >>> unknown_words(["a green seven"], ["a", "seven"]), unknown_words(["a green seven"], None)
    (['green'], [])
    """
    from energan.data.batches.captioned import vocabulary

    return sorted(vocabulary([sentences]) - set(map(str, known))) if isinstance(known, list) else []


def _tell_unknown(sentences: Sequence[str], record: Mapping[str, Any]) -> None:
    """Warns of words that no training caption has, where the run knows its captions' words."""
    unknown = unknown_words(sentences, record["data"].get("words"))
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        named = ", ".join(printable(word)[:30] for word in unknown[:NAMED])
        warn(f"no training caption has the words {named}{more}: what they ask for was not learned here")
