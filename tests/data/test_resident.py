"""Batches of images that stay on a device: two halves, one copy, and what is read ahead instead.

torch's "meta" device stands for a GPU: what is on it has a shape and a device, and no values.
"""

from collections.abc import Sequence

import pytest
import torch

from energan.data import Batches
from energan.data.batches.captioned import Captioned
from energan.data.batches.images import Coded
from energan.data.batches.resident import Prefetch, resident
from energan.data.few_labels import LabelledBatches
from energan.engine.state import chosen, gathered, halved

IMAGES = torch.randint(256, (12, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 4


def _codes(sentences: Sequence[str]) -> torch.Tensor:
    return torch.tensor([[float(len(text)), float(ord(text[0]))] for text in sentences])


MADE = {
    "plain": lambda: Batches(IMAGES, None, 5, 1),
    "labels": lambda: Batches(IMAGES, LABELS, 5, 1),
    "views": lambda: Batches(IMAGES, LABELS, 5, 1, crop=6, flip=True, augment=("colour", "translation", "cutout")),
    "coded": lambda: Coded(Batches(IMAGES, LABELS, 5, 1), "h", lambda: torch.arange(12.0)[:, None]),
    "captioned": lambda: Captioned(
        Batches(IMAGES, LABELS, 5, 1), [(str(i), "also") if i % 2 else (str(i),) for i in range(12)], _codes
    ),
    "few labels": lambda: LabelledBatches(
        IMAGES, torch.where(LABELS < 2, LABELS, -1), classes=2, labelled=4, unlabelled=5, seed=1
    ),
}
every_source = pytest.mark.parametrize("name", MADE)


@every_source
@pytest.mark.parametrize("k", [0, 3, 7])
def test_a_batch_is_gathered_of_what_was_chosen(name: str, k: int) -> None:
    source = MADE[name]()
    whole, half = source(k), source.chosen(k)
    assert all(v.device.type == "cpu" for v in half.values())
    drawn = source.gathered(half)
    assert list(whole) == list(drawn)
    assert all(torch.equal(whole[key], drawn[key]) for key in whole)
    assert sum(v.nbytes for v in half.values()) < sum(v.nbytes for v in whole.values()) / 8


@every_source
def test_batches_of_a_device_are_there_and_the_choice_is_not(name: str) -> None:
    source, moved = MADE[name](), MADE[name]().to("meta")
    assert all(torch.equal(a, b) for a, b in zip(source.chosen(2).values(), moved.chosen(2).values(), strict=True))
    there = moved.gathered({key: v.to("meta") for key, v in moved.chosen(2).items()})
    assert {key: (v.device.type, v.shape, v.dtype) for key, v in there.items()} == {
        key: ("meta", v.shape, v.dtype) for key, v in source(2).items()
    }


def test_sources_of_the_same_images_share_their_copy_while_one_of_them_lives() -> None:
    a, b = (Batches(IMAGES, None, 5, seed).to("meta") for seed in (0, 1))
    few = MADE["few labels"]().to("meta")
    assert a.images is b.images is few.images
    other = Batches(IMAGES.clone(), None, 5, 0).to("meta")
    assert other.images is not a.images


class Far:
    """What stands for a tensor on a GPU, which knows its number even where it was moved without one."""

    def __init__(self, device: torch.device) -> None:
        self.device = torch.device("cuda", device.index or 0)


def test_a_gpu_without_a_number_has_the_copy_that_is_on_a_gpu_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: Far(device))
    a, b, c, d = (Batches(IMAGES, None, 5, 0).to(device) for device in ("cuda", "cuda", "cuda:0", "cuda:1"))
    assert a.images is b.images is c.images is not d.images


def test_images_that_take_more_than_half_of_the_free_memory_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = MADE["plain"]()
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: self)  # there is no CUDA here
    for free, stays in ((2 * IMAGES.nbytes, True), (2 * IMAGES.nbytes - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 2 * free))
        assert isinstance(resident(batches, "cuda"), Batches if stays else Prefetch)
        assert isinstance(resident(lambda k: {}, "cuda"), Prefetch)  # a source of one's own
    assert resident(batches, "cpu") is batches


@every_source
def test_a_source_of_another_device_is_not_gathered_there(name: str) -> None:
    here, there = torch.device("cpu"), torch.device("meta")
    source, moved = MADE[name](), MADE[name]().to("meta")
    assert halved(source, here) is source and halved(moved, there) is moved
    sent = halved(source, there)
    assert chosen(sent, 2).keys() == source(2).keys()  # whole
    assert all(
        torch.equal(a, b) for a, b in zip(gathered(sent, chosen(sent, 2)).values(), source(2).values(), strict=True)
    )
