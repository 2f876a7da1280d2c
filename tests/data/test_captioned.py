"""Batches with words: each image's own, and another image's that shares no sentence with it."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from energan.data import Batches
from energan.data.batches.captioned import Captioned
from energan.data.pixels import to_bytes
from energan.utils.errors import UserError

N = 12
CAPTIONS = [(f"{i}", f"{i % 3} mod 3") if i % 2 else (f"{i}", f"{i % 3} mod 3", f"{-i}") for i in range(1, N + 1)]
SENTENCES = sorted({text for of in CAPTIONS for text in of})


def numbered(n: int) -> Tensor:
    """Images whose every pixel is their number."""
    return torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 1, 8, 8).contiguous()


def one_hot(sentences: Sequence[str]) -> Tensor:
    return torch.stack([torch.eye(len(SENTENCES))[SENTENCES.index(text)] for text in sentences])


def captioned(seed: int = 3, together: int = 1, batch: int = 6) -> Captioned:
    return Captioned(Batches(numbered(N), None, batch, seed), CAPTIONS, one_hot, together)


def said(codes: Tensor) -> list[set[str]]:
    """The sentences that each code is the mean of."""
    return [{SENTENCES[i] for i in row.nonzero().flatten().tolist()} for row in codes]


def shown(batch: dict[str, Tensor]) -> list[int]:
    return to_bytes(batch["x"])[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("together", [1, 2, 4])
def test_each_image_has_words_of_its_own_and_others_that_share_no_sentence(together: int) -> None:
    batches, heard = captioned(together=together), set()
    for k in range(60):
        batch = batches(k)
        assert list(batch) == ["x", "h", "h_wrong"] and batch["h"].dtype == torch.float32
        rows = zip(shown(batch), said(batch["h"]), said(batch["h_wrong"]), strict=True)
        for image, right, wrong in rows:
            own = set(CAPTIONS[image])
            assert right <= own and len(right) == min(together, len(own))
            source = [i for i, of in enumerate(CAPTIONS) if wrong <= set(of) and not own & set(of)]
            assert source
            heard |= {(image, text) for text in right}
        torch.testing.assert_close(batch["h"].sum(1), torch.ones(6))  # a mean of sentences
    assert len(heard) == sum(map(len, CAPTIONS))  # none is left out for ever


def test_words_are_a_pure_function_of_seed_and_number() -> None:
    first, again = captioned(), captioned()
    for k in (4, 0, 4, 9):
        a, b = first(k), again(k)
        assert all(torch.equal(a[key], b[key]) for key in a)
    other, plain = captioned(seed=4)(0), Batches(numbered(N), None, 6, 3)(0)
    assert not torch.equal(other["h"], first(0)["h"])
    assert torch.equal(plain["x"], first(0)["x"])  # words change nothing of which images come when


def test_an_image_shown_again_has_other_words() -> None:
    batches = captioned()
    of = [dict(zip(shown(b), said(b["h_wrong"]), strict=True)) for b in map(batches, range(12))]
    assert len({frozenset(b[5]) for b in of if 5 in b}) > 1


def test_distinct_sentences_are_encoded_once_at_the_first_batch() -> None:
    asked: list[list[str]] = []

    def encode(sentences: Sequence[str]) -> Tensor:
        asked.append(list(sentences))
        return one_hot(sentences)

    batches = Captioned(Batches(numbered(N), None, 6, 0), CAPTIONS, encode)
    assert not asked
    batches(0), batches(1), batches.typical(3)
    assert len(asked) == 1 and sorted(asked[0]) == SENTENCES


def test_typical_codes_are_words_of_as_many_images() -> None:
    batches = captioned(together=2)
    codes = batches.typical(5, seed=1)
    assert len(codes) == 5 and torch.equal(codes, batches.typical(5, seed=1))
    assert all(any(words <= set(of) for of in CAPTIONS) for words in said(codes))
    assert len(batches.typical(100)) == N


def test_classes_stay_beside_words() -> None:
    labels = torch.arange(N) % 3
    batch = Captioned(Batches(numbered(N), labels, 6, 0), CAPTIONS, one_hot)(0)
    assert list(batch) == ["x", "y", "h", "h_wrong"]
    assert batch["y"].argmax(1).tolist() == [i % 3 for i in shown(batch)]


@pytest.mark.parametrize("captions", [[], CAPTIONS[:-1], [*CAPTIONS[:-1], ()]])
def test_images_without_words_are_refused(captions: list[tuple[str, ...]]) -> None:
    with pytest.raises(UserError, match="these images have no captions: each needs one sentence or more"):
        Captioned(Batches(numbered(N), None, 6, 0), captions, one_hot)


def test_images_that_all_share_a_sentence_are_refused() -> None:
    shared = [(*of, "1") for of in CAPTIONS]
    batches = Captioned(Batches(numbered(N), None, 6, 0), shared, one_hot)
    with pytest.raises(UserError, match=r"nearly all images share a caption with that of '\d+'"):
        batches(0)


def test_no_sentence_together_is_refused() -> None:
    with pytest.raises(UserError, match="together"):
        captioned(together=0)
