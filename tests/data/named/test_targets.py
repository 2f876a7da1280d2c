"""Named sets of pairs: what is kept, and what is accepted."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from energan.data import NAMED, load
from energan.data.named.published import Hashes, Named, Published, Source
from energan.utils.errors import UserError

IMAGES = np.arange(3 * 16, dtype=np.uint8).reshape(3, 1, 4, 4)

TARGETS = np.arange(3 * 3 * 64, dtype=np.uint16).astype(np.uint8).reshape(3, 3, 8, 8)


def digest(part: np.ndarray) -> str:
    return hashlib.sha256(part.tobytes()).hexdigest()


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that makes "few" a named set of pairs without labels, whose one source has what is given."""
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path))

    def named(images: np.ndarray = IMAGES, targets: np.ndarray | None = TARGETS, rendered: bool = False) -> None:
        source = Source("a test", lambda split: Published(images, None, targets=targets))
        hashes = Hashes(digest(IMAGES), targets=digest(TARGETS))
        row = Named((1, 4, 4), (), {"train": hashes}, (source,), rendered=rendered, target=(3, 8, 8))
        monkeypatch.setitem(NAMED, "few", row)

    return named


def test_pairs_are_kept_and_read_back(put, tmp_path):
    put()
    made, kept = load("few"), load("few")
    assert "a test" in made.source and "cache" in kept.source
    for data in (made, kept):
        assert data.labels is None and data.paired and data.sha256 == made.sha256
        assert np.array_equal(data.images.numpy(), IMAGES) and np.array_equal(data.targets.numpy(), TARGETS)
    beside = tmp_path / "named" / "few-train.targets.bin"
    beside.write_bytes(beside.read_bytes()[::-1])
    assert "a test" in load("few").source  # what is kept is checked; and mended
    assert "cache" in load("few").source
    beside.unlink()
    assert "a test" in load("few").source


def test_targets_are_as_many_times_larger_at_another_size(put):
    put()
    data = load("few", size=2, progress=False)
    assert data.images.shape == (3, 1, 2, 2) and data.targets.shape == (3, 3, 4, 4)


def test_other_targets_or_none_are_refused(put):
    for targets in (TARGETS[::-1].copy(), None):
        put(targets=targets)
        with pytest.raises(UserError, match="its content is not few"):
            load("few")


def test_a_rendered_set_takes_other_pixels_but_no_other_shapes(put, capsys, tmp_path):
    put(images=IMAGES + 1, rendered=True)
    data = load("few")
    assert "drawn by this machine" in data.source and "not the published ones" in capsys.readouterr().err
    assert torch.equal(data.targets, torch.from_numpy(TARGETS)) and not (tmp_path / "named").exists()
    put()
    assert load("few").sha256 != data.sha256
    (tmp_path / "named" / "few-train.bin").unlink()
    for images, targets in (
        (IMAGES[:2] + 1, TARGETS),
        (IMAGES[:, :, :2], TARGETS),
        (IMAGES, TARGETS[:, :1]),
        (IMAGES, None),
    ):
        put(images, targets, rendered=True)
        with pytest.raises(UserError, match="its content is not few"):
            load("few")
