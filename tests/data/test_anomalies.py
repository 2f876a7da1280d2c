"""What folders say of images: normal or not, and where."""

from functools import partial
from pathlib import Path

import pytest
import torch
from parts import parts
from PIL import Image

from energan.data import load
from energan.data.anomalies import masks_folder, masks_of, normal_rows, truth_of
from energan.utils.errors import UserError


def test_mvtec_s_layout(tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    data = load(root, "test", progress=False)
    truth = truth_of(data)
    assert truth is not None and truth.normal == ("good",) and truth.defects == ["bent", "spot"]
    assert truth.told("bottle/test") == "bottle/test: normal is good (10), not normal bent (3), spot (3)"
    assert int(truth.anomalous.sum()) == 6 and len(normal_rows(data)) == 10
    assert masks_folder(root) == root / "ground_truth" == masks_folder(root / "test")
    found = masks_of(data, truth, root / "ground_truth", partial(load, progress=False))
    assert len(found.rows) == 16 and found.without == 0
    sizes = {data.files[row]: int(mask.sum()) for row, mask in zip(found.rows.tolist(), found.masks, strict=True)}
    assert sizes["test/bent/002.png"] == 4 * 6 and sizes["test/good/000.png"] == 0
    image = data.images[data.files.index("test/bent/001.png")]
    mask = found.masks[found.rows.tolist().index(data.files.index("test/bent/001.png"))]
    assert torch.equal(mask, (image == 255).all(0))


def test_masks_are_shrunk_as_the_images_are(tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    small = partial(load, size=8, progress=False)
    data = small(root, "test")
    truth = truth_of(data)
    assert truth is not None
    found = masks_of(data, truth, root / "ground_truth", small)
    row = found.rows.tolist().index(data.files.index("test/bent/000.png"))
    assert found.masks.shape[1:] == (8, 8)
    assert found.masks[row].nonzero().tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]


def test_btad_s_layout(tmp_path: Path) -> None:
    root = parts(tmp_path / "01", btad=True)
    data = load(root, "test", progress=False)
    truth = truth_of(data)
    assert truth is not None and truth.normal == ("ok",) and truth.defects == ["ko"]
    found = masks_of(data, truth, root / "ground_truth", partial(load, progress=False))
    assert len(found.rows) == 13 and int(found.masks.any((1, 2)).sum()) == 3


def test_one_folder_of_defects_alone_is_read_by_its_files(tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    truth = truth_of(load(root / "train", progress=False))
    assert truth is not None and truth.normal == ("good",) and not truth.anomalous.any()
    assert truth_of(load(root / "test" / "bent", progress=False)) is None


def test_any_class_may_be_named_normal() -> None:
    data = load("digits", "test", size=8, progress=False)
    assert truth_of(data) is None and len(normal_rows(data)) == len(data.images)
    truth = truth_of(data, ("3", "4"))
    assert truth is not None and data.labels is not None
    assert torch.equal(truth.anomalous, (data.labels != 3) & (data.labels != 4))
    assert torch.equal(normal_rows(data, ("3", "4")), (~truth.anomalous).nonzero().flatten())
    with pytest.raises(UserError, match="normal_class cat: digits has no such class, it has 0, 1"):
        normal_rows(data, ("cat",))
    unknown = data._replace(labels=None, classes=(), files=())
    assert len(normal_rows(unknown, ("3",))) == len(data.images)  # of no class at all: they were called normal
    with pytest.raises(UserError, match="normal_class cat: digits has no such class, it has 0, 1"):
        truth_of(data, ("cat",))


def test_masks_of_other_images_are_refused(tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    data = load(root, "test", progress=False)
    truth = truth_of(data)
    assert truth is not None
    (root / "ground_truth" / "bent").rename(root / "ground_truth" / "other")
    found = masks_of(data, truth, root / "ground_truth", partial(load, progress=False))
    assert found.without == 3
    (root / "ground_truth" / "spot").rename(root / "ground_truth" / "another")
    with pytest.raises(UserError, match="holds no mask of these images"):
        masks_of(data, truth, root / "ground_truth", partial(load, progress=False))


def test_masks_that_do_not_suit_their_images_are_refused(tmp_path: Path) -> None:
    root = parts(tmp_path / "bottle")
    drawn, read = root / "ground_truth" / "bent", partial(load, progress=False)
    for source in (root, root / "test"):
        data = load(source, "test" if source == root else "all", size=8, progress=False)
        truth = truth_of(data)
        assert truth is not None
        (drawn / "000.png").write_bytes((drawn / "000_mask.png").read_bytes())
        with pytest.raises(
            UserError, match=r"has two masks of one image: bent/000\S*png and bent/000\S*png: remove one"
        ):
            masks_of(data, truth, root / "ground_truth", partial(read, size=8), source)
        (drawn / "000.png").unlink()
        before = (drawn / "000_mask.png").read_bytes()
        Image.new("L", (16, 20), 255).save(drawn / "000_mask.png")
        with pytest.raises(UserError, match=r"000_mask.png has 16 x 20 pixels, and its image \S*bent/000.png 16 x 16"):
            masks_of(data, truth, root / "ground_truth", partial(read, size=8), source)
        Image.new("L", (16, 16), 0).save(drawn / "000_mask.png")
        assert masks_of(data, truth, root / "ground_truth", partial(read, size=8), source).black == 1
        (drawn / "000_mask.png").write_bytes(before)
        assert masks_of(data, truth, root / "ground_truth", partial(read, size=8), source).black == 0
