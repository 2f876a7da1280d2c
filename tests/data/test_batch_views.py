"""Crops, flips and augmentation of batches: pure functions of (seed, k), and reading ahead changes nothing."""

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.data import Batches, load, to_bytes
from energan.data.batches.epochs import permutation
from energan.data.batches.images import patches
from energan.data.batches.resident import Prefetch
from energan.data.diffaugment import augment
from energan.data.few_labels import LabelledBatches
from energan.utils.errors import UserError

H, W = 6, 9


def places(n: int) -> torch.Tensor:
    """Images that tell in each pixel which it is: channels are the image's number, the row and the column."""
    number, row, column = torch.meshgrid(torch.arange(n), torch.arange(H), torch.arange(W), indexing="ij")
    return torch.stack([number, row, column], 1).to(torch.uint8)


def drawn(batches: Batches, k: int) -> torch.Tensor:
    return to_bytes(batches(k)["x"])


@given(seed=st.integers(0, 2**40), k=st.integers(0, 50), flip=st.booleans(), side=st.integers(1, H))
def test_views_are_squares_of_the_right_images(seed, k, flip, side):
    batches = Batches(places(20), torch.arange(20), 5, seed, crop=side, flip=flip)
    x = drawn(batches, k)
    assert x.shape == (5, 3, side, side)
    assert torch.equal(x, drawn(Batches(places(20), None, 5, seed, crop=side, flip=flip), k))  # whatever came before
    for image, row in zip(x.long(), batches.rows(k), strict=True):
        assert (image[0] == row).all()
        top, left, right = image[1, 0, 0], image[2, 0, 0], image[2, 0, -1]
        assert torch.equal(image[1], (top + torch.arange(side))[:, None].expand(side, side))
        columns = torch.arange(left, left + side) if left <= right else torch.arange(left, left - side, -1)
        assert torch.equal(image[2], columns.expand(side, side)) and (flip or left <= right)
    assert torch.equal(batches(k)["y"].argmax(1), batches.rows(k))


def test_every_place_and_both_sides_come_as_often():
    batches = Batches(places(10), None, 10, seed=1, crop=4, flip=True)
    x = torch.cat([drawn(batches, k) for k in range(600)]).long()
    flipped = x[:, 2, 0, 0] > x[:, 2, 0, -1]
    assert flipped.float().mean() == pytest.approx(0.5, abs=0.03)  # 4.6 standard errors of 6000
    corner = x[:, 1, 0, 0] * W + x[:, 2, 0].min(1).values
    counts = torch.bincount(corner, minlength=3 * W)
    assert set(counts.nonzero().squeeze(1).tolist()) == {t * W + i for t in range(3) for i in range(6)}
    assert counts[counts > 0].min() > 250 and counts.max() < 420  # 333 expected
    both = torch.corrcoef(torch.stack([flipped.float(), x[:, 1, 0, 0].float(), x[:, 2, 0].min(1).values.float()]))
    assert (both - torch.eye(3)).abs().max() < 0.06


def test_an_image_is_seen_elsewhere_each_time():
    batches = Batches(places(4), None, 4, seed=0, crop=3)
    assert len({tuple(drawn(batches, k).flatten().tolist()) for k in range(20)}) == 20


def test_flips_alone_and_nothing():
    plain, flipping = (Batches(places(8), None, 4, 0, flip=flip) for flip in (False, True))
    found = [(drawn(plain, k), drawn(flipping, k)) for k in range(6)]
    for a, b in found:
        same, mirrored = (a == b).flatten(1).all(1), (a.flip(3) == b).flatten(1).all(1)
        assert (same ^ mirrored).all()
    assert not all(torch.equal(a, b) for a, b in found)
    assert torch.equal(drawn(Batches(places(8), None, 4, 0, crop=None), 3), drawn(plain, 3))
    assert flipping(0)["x"].is_contiguous(memory_format=torch.channels_last)


def test_the_data_are_left_as_they_are():
    images = places(8)
    before = images.clone()
    batches = Batches(images, None, 8, 0, crop=4, flip=True, augment=("colour",))
    for k in range(5):
        batches(k)
    assert torch.equal(images, before)


def test_augmented_batches_are_what_the_functions_make():
    policy = ("colour", "translation", "cutout")
    plain, changed = Batches(places(8), None, 4, 0), Batches(places(8), None, 4, 0, augment=policy)
    x = changed(3)["x"]
    assert torch.equal(x, changed(3)["x"]) and not torch.equal(x, changed(5)["x"])
    assert not torch.equal(x, plain(3)["x"])
    assert torch.equal(augment(plain(3)["x"], torch.full((4, 3), 0.5), ("colour",)), plain(3)["x"])
    assert x.shape == plain(3)["x"].shape and x.dtype == torch.float32


@pytest.mark.parametrize(("options", "said"), [
    ({"crop": 7}, "squares of 7 pixels a side cannot be cropped from images of 6 x 9: lower crop"),
    ({"crop": 0}, "squares of 0 pixels"),
    ({"augment": ("blur",)}, "blur is no augmentation"),
])  # fmt: skip
def test_views_that_cannot_be_drawn(options, said):
    with pytest.raises(UserError, match=said):
        Batches(places(8), None, 4, 0, **options)


def test_patches_are_one_square_of_each_image_for_good():
    data = load("digits", progress=False)
    cut = patches(data, 5)
    assert cut.images.shape == (1541, 1, 5, 5) and torch.equal(cut.images, patches(data, 5).images)
    assert not torch.equal(cut.images, patches(data, 5, seed=1).images) and torch.equal(cut.labels, data.labels)
    squares = data.images[7].unfold(1, 5, 1).unfold(2, 5, 1).reshape(-1, 25)
    assert (squares == cut.images[7].view(1, 25)).all(1).any()
    with pytest.raises(UserError, match="cropped from images of 8 x 8"):
        patches(data, 9)


def test_the_order_of_epochs_is_what_it_was():
    """Runs of older versions continue with the batches that they would have had."""
    assert permutation(8, 0, 0).tolist() == [3, 2, 5, 1, 7, 4, 6, 0]


# Reading ahead


def sources():
    images, labels = places(23), torch.arange(23) % 3
    return (
        Batches(images, labels, 5, 0, crop=4, flip=True),
        LabelledBatches(images, labels, classes=3, labelled=4, unlabelled=5, seed=0),
    )


@pytest.mark.parametrize("which", [0, 1])
@given(ks=st.lists(st.integers(0, 40), max_size=12))
def test_ahead_is_its_source_in_any_order(which, ks):
    ahead, source = Prefetch(sources()[which]), sources()[which]
    for k in [*ks, *range(6)]:
        found, expected = ahead(k), source(k)
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_next_batch_is_made_by_one_thread_while_the_last_is_used():
    made, threads, begun = [], set(), threading.Event()

    def source(k):
        made.append(k)
        threads.add(threading.current_thread())
        if k == 4:
            begun.set()
        return {"x": torch.tensor(k)}

    ahead = Prefetch(source)
    assert [int(ahead(k)["x"]) for k in range(4)] == [0, 1, 2, 3]
    assert begun.wait(10)  # nobody asked for batch 4
    assert made == [0, 1, 2, 3, 4] and len(threads) == 1 and threading.main_thread() not in threads
    assert int(ahead(4)["x"]) == 4 and made.count(4) == 1


def test_an_error_of_the_source_is_raised_for_its_batch():
    def source(k):
        if k == 2:
            raise UserError("batch 2 is gone")
        return {"x": torch.tensor(k)}

    ahead = Prefetch(source)
    assert int(ahead(1)["x"]) == 1
    for _ in range(2):
        with pytest.raises(UserError, match="batch 2 is gone"):
            ahead(2)
    assert int(ahead(3)["x"]) == 3
    with pytest.raises(IndexError, match="from 0, not -1"):
        Prefetch(sources()[0])(-1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_for_a_cuda_device_lie_in_pinned_memory():
    assert all(x.is_pinned() for x in Prefetch(sources()[0], "cuda")(0).values())
