"""Batches of images with words: the codes of what describes each image, and of what describes another."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from energan.data.batches.epochs import seeded_by
from energan.data.batches.images import Batches
from energan.utils.checks import at_least
from energan.utils.errors import UserError

WORDS = 2  # beside (seed, k), so that words have nothing in common with the order of epoch k, nor with views

TRIES = 200  # images that are drawn, to find one with other words

WORD = re.compile(r"\w+")

Encode = Callable[[Sequence[str]], Float[Tensor, "n d"]]


class Captioned:
    """Batches with two more keys: `h`, codes of each image's words, and `h_wrong`, codes of another image's words.

    The other image is drawn anew each time, among those that share no sentence with the first. As all batches, these
    are a pure function of (seed, k). Sentences become codes at the first batch, each distinct one once.

    Args:
        batches: of the images.
        captions: the sentences of each image, one or more.
        encode: sentences -> their codes (n, d).
        together: how many of an image's sentences are averaged, others each time; an image that has fewer repeats its
            own. 1: one sentence (Reed et al. 2016; their code has 4).

    Raises:
        UserError: for images without sentences; by a batch, where nearly all images share their sentences.

    Example:
        >>> batches = Batches(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), None, batch=2, seed=0)
        >>> encode = lambda sentences: torch.tensor([[float(len(text))] for text in sentences])
        >>> told = Captioned(batches, [("a",), ("bb",), ("ccc",)], encode)(0)
        >>> told["h"].shape, bool((told["h"] != told["h_wrong"]).all())
        (torch.Size([2, 1]), True)
    """

    def __init__(self, batches: Batches, captions: Sequence[Sequence[str]], encode: Encode, together: int = 1) -> None:
        at_least(1, together=together)
        if len(captions) != len(batches.images) or not all(captions):
            raise UserError("these images have no captions: each needs one sentence or more")
        self._batches, self._encode, self._together = batches, encode, together
        numbers = {text: i for i, text in enumerate(dict.fromkeys(text for of in captions for text in of))}
        self._sentences = tuple(numbers)
        self._counts = torch.tensor([len(of) for of in captions])
        most = int(self._counts.max())
        rows = [[numbers[text] for text in of] + [-1] * (most - len(of)) for of in captions]
        self._numbers = torch.tensor(rows)  # (images, most); -1 where an image has fewer
        self._codes: Tensor | None = None

    def __call__(self, k: int) -> dict[str, Tensor]:
        """As Batches, and h and h_wrong, float32 (batch, d)."""
        images = self._batches.images
        return self.gathered({name: v.to(images.device) for name, v in self.chosen(k).items()})

    def chosen(self, k: int) -> dict[str, Tensor]:
        """As Batches, and the sentences' numbers: words and wrong_words, int64 (batch, together)."""
        if self._codes is None:
            self._codes = self._encode(self._sentences).to(self._batches.images.device)
        chosen = self._batches.chosen(k)
        generator = seeded_by(self._batches.seed, k, WORDS)
        others = self._others(chosen["rows"], generator)
        words = {
            name: self._some(rows, generator) for name, rows in (("words", chosen["rows"]), ("wrong_words", others))
        }
        return {**chosen, **words}

    def gathered(self, chosen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As Batches, and h and h_wrong."""
        assert self._codes is not None  # something was chosen before
        h, h_wrong = (self._codes[chosen[name]].mean(1) for name in ("words", "wrong_words"))
        return {**self._batches.gathered(chosen), "h": h, "h_wrong": h_wrong}

    def typical(self, n: int, seed: int = 0) -> Float[Tensor, "k d"]:
        """Codes as batches have them, of n images at most: what to draw where nobody asks."""
        generator = seeded_by(seed, 0, WORDS)
        rows = torch.randperm(len(self._counts), generator=generator)[:n]
        if self._codes is None:
            self._codes = self._encode(self._sentences).to(self._batches.images.device)
        return self._codes[self._some(rows, generator).to(self._codes.device)].mean(1).cpu()

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._batches.device

    @property
    def nbytes(self) -> int:
        """Bytes of the images; codes are few beside them."""
        return self._batches.nbytes

    def to(self, device: str | torch.device) -> "Captioned":
        """The same batches, of images and codes on the device."""
        moved = copy(self)
        moved._batches = self._batches.to(device)
        moved._codes = None if self._codes is None else self._codes.to(device)
        return moved

    def _some(self, rows: Int64[Tensor, " batch"], generator: torch.Generator) -> Int64[Tensor, "batch together"]:
        """Numbers of sentences of each row, in random order, from the start again where there are fewer."""
        numbers, counts = self._numbers[rows], self._counts[rows]
        shuffled = torch.rand(numbers.shape, generator=generator).masked_fill(numbers < 0, 2.0).argsort(1)
        places = torch.arange(self._together)[None] % counts[:, None]
        return numbers.gather(1, shuffled.gather(1, places))

    def _others(self, rows: Int64[Tensor, " batch"], generator: torch.Generator) -> Int64[Tensor, " batch"]:
        """For each row another that shares no sentence with it. UserError where none is found."""
        others = rows.clone()
        left = torch.arange(len(rows))
        for _ in range(TRIES):
            tried = torch.randint(len(self._counts), (len(left),), generator=generator)
            mine, theirs = self._numbers[rows[left]], self._numbers[tried]
            shared = ((mine[:, :, None] == theirs[:, None]) & (mine >= 0)[:, :, None]).flatten(1).any(1)
            others[left] = tried
            left = left[shared]
            if not len(left):
                return others
        text = self._sentences[int(self._numbers[rows[left[0]], 0])][:60]
        raise UserError(
            f"nearly all images share a caption with that of {text!r}: wrong words, which this system learns from, "
            "need images that are described otherwise"
        )


def vocabulary(captions: Iterable[Iterable[str]]) -> set[str]:
    """The words that captions have, in small letters.

    Example:
        >>> sorted(vocabulary([("A red 7,", "a Seven")]))
        ['7', 'a', 'red', 'seven']
    """
    distinct = {text for of in captions for text in of}
    return {word for text in distinct for word in WORD.findall(unicodedata.normalize("NFKC", text).lower())}
