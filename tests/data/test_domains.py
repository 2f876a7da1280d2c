"""The user's pictures of two domains: layouts, splits, partners, sizes, ranges, what cannot be read."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from energan.data.batches.pairs import Pairs, pair_patches
from energan.data.image_set import ImageSet
from energan.data.pairs.domains import Domains, held_out, split_of
from energan.data.pairs.load import load_domains
from energan.data.pairs.pixels import squares, starts
from energan.utils.errors import UserError

SIDE = 16


def picture(path: Path, number: int, size: tuple[int, int] = (SIDE, SIDE), ending: str = ".png") -> None:
    """A colour picture whose red is its number, and whose green and blue are its columns and rows."""
    w, h = size
    pixels = np.zeros((h, w, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = number, np.arange(w)[None], np.arange(h)[:, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path.with_suffix(ending))


def two(folder: Path, first: str, second: str, n: int = 20) -> Path:
    for i in range(n):
        picture(folder / first / f"{i}", i)
        picture(folder / second / f"{i}", 100 + i, ending=".bmp")
    return folder


def read(source: Path, split: str = "train", target: Path | str = "", **changes: object) -> ImageSet:
    return load_domains(source, split, target=target, domains=Domains(crop=SIDE)._replace(**changes))


def reds(images: torch.Tensor | None) -> list[int]:
    assert images is not None
    return images[:, 0, 0, 0].tolist()


# ------------------------------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("first", "second"), [("input", "output"), ("A", "B"), ("x", "y"), ("Source", "Target"), ("input", "target")]
)
def test_two_folders_in_one(tmp_path: Path, first: str, second: str) -> None:
    data = read(two(tmp_path, first, second))
    assert data.targets is not None and data.paired
    assert reds(data.targets) == [100 + red for red in reds(data.images)] and len(data.images) == 18
    held = read(tmp_path, "validation")
    assert sorted(reds(held.images) + reds(data.images)) == list(range(20))
    assert reds(read(tmp_path, "test").images) == reds(held.images)
    assert held.place.endswith("held out by name") and data.place.endswith("without those held out by name")


def test_two_folders_that_are_named(tmp_path: Path) -> None:
    two(tmp_path, "lines", "colours")
    data = read(tmp_path / "lines", target=tmp_path / "colours")
    assert reds(data.targets) == [100 + red for red in reds(data.images)]
    turned = read(tmp_path / "lines", target=tmp_path / "colours", reverse=True)
    assert reds(turned.images) == reds(data.targets) and reds(turned.targets) == reds(data.images)


@pytest.mark.parametrize("layout", ["train/input {}/output", "input/train {}/output/..", "trainA {}B"])
def test_splits_of_the_folder_are_the_splits(tmp_path: Path, layout: str) -> None:
    names = {
        "train/input {}/output": lambda split: (f"{split}/input", f"{split}/output"),
        "input/train {}/output/..": lambda split: (f"input/{split}", f"output/{split}"),
        "trainA {}B": lambda split: (f"{split}A", f"{split}B"),
    }[layout]
    for split, n in (("train", 12), ("val", 3), ("test", 5)):
        two(tmp_path, *names(split), n=n)
    counts = [len(read(tmp_path, split).images) for split in ("train", "validation", "test")]
    assert counts == [12, 3, 5]


def test_without_a_validation_split_a_tenth_of_the_training_pictures_is_one(tmp_path: Path) -> None:
    two(tmp_path, "trainA", "trainB", n=30), two(tmp_path, "testA", "testB", n=4)
    train, validation, test = (reds(read(tmp_path, split).images) for split in ("train", "validation", "test"))
    assert len(validation) == 3 and not set(train) & set(validation) and len(train) == 27 and len(test) == 4


def test_side_by_side(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for i in range(4):
            both = [np.full((SIDE, SIDE, 3), value, np.uint8) for value in (i, 100 + i)]
            (tmp_path / split).mkdir(exist_ok=True)
            Image.fromarray(np.concatenate(both, 1)).save(tmp_path / split / f"{i}.png")
    data = read(tmp_path)
    assert data.images.shape == (4, 3, SIDE, SIDE) and reds(data.targets) == [100 + red for red in reds(data.images)]
    assert reds(read(tmp_path, "test", reverse=True).targets) == reds(data.images)


def test_a_width_that_is_odd_is_no_two_pictures(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / f"{i}", i, (2 * SIDE + 1, SIDE))
    with pytest.raises(UserError, match="33 pixels wide, which are no two pictures side by side"):
        read(tmp_path)


def png(number: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.full((SIDE, SIDE, 3), number, np.uint8)).save(file, format="PNG")
    return file.getvalue()


@pytest.mark.parametrize("names", [("input", "output"), ("A", "B"), ("source", "target")])
def test_columns_of_parquet_files(tmp_path: Path, names: tuple[str, str]) -> None:
    for split, n in (("train", 12), ("test", 3)):
        columns = {
            names[0]: [{"bytes": png(i), "path": None} for i in range(n)],
            names[1]: [{"bytes": png(100 + i), "path": None} for i in range(n)],
            "caption": [str(i) for i in range(n)],
        }
        pq.write_table(pa.table(columns), tmp_path / f"{split}-0.parquet")
    data = read(tmp_path)
    assert len(data.images) == 11 and reds(data.targets) == [100 + red for red in reds(data.images)]
    assert reds(read(tmp_path, "test").targets) == [100, 101, 102]
    one = read(tmp_path / "test-0.parquet")  # a file is all one
    assert len(one.images) == 2 and reds(one.targets) == [100 + red for red in reds(one.images)]


def test_columns_that_say_nothing_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"left": [png(0)] * 4, "right": [png(1)] * 4}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="in the columns left, right: two domains are called input and output"):
        read(tmp_path)


def array(n: int, first: int, side: int = SIDE) -> np.ndarray:
    return np.broadcast_to(np.arange(first, first + n, dtype=np.uint8)[:, None, None, None], (n, side, side, 3)).copy()


def test_arrays_of_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=array(20, 0), y=array(20, 100))
    train, held = read(tmp_path / "a.npz"), read(tmp_path / "a.npz", "validation")
    assert sorted(reds(train.images) + reds(held.images)) == list(range(20)) and len(held.images) == 2
    assert reds(train.targets) == [100 + red for red in reds(train.images)]
    np.savez(tmp_path / "b.npz", **{
        f"{name}_{split}": array(n, 100 * (name == "output"))
        for name in ("input", "output") for split, n in (("train", 6), ("val", 2), ("test", 3))
    })  # fmt: skip
    assert [len(read(tmp_path / "b.npz", split).images) for split in ("train", "validation", "test")] == [6, 2, 3]
    turned = read(tmp_path / "b.npz", "test", reverse=True, paired=False)
    assert reds(turned.images) == [100, 101, 102] and not turned.paired


def test_deep_arrays_of_both_domains_have_one_range(tmp_path: Path) -> None:
    x, y = (np.linspace(0, top, 4 * SIDE * SIDE).reshape(4, SIDE, SIDE).astype(np.uint16) for top in (1000, 4000))
    np.savez(tmp_path / "a.npz", x=x, y=y)
    data = read(tmp_path / "a.npz", channels=1, outputs=1)
    assert data.value_range == (0, 4095) and data.targets is not None
    assert int(data.images.max()) < 70 and int(data.targets.max()) > 180


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": array(4, 0), "z": array(4, 0)}, "two domains are called x and y, or input and output"),
        ({"x": array(4, 0), "y": array(3, 0)}, "has x and y of .*: pairs are as many, and of one size"),
        ({"x": array(4, 0), "y": array(4, 0, 8)}, "pairs are as many, and of one size"),
        ({"x": array(4, 0), "y": np.arange(4)}, "which are no images"),
        ({"x": array(4, 0), "y": np.array([object()] * 4)}, "Python objects, which are not loaded"),
        ({"x": array(4, 0), "y": array(4, 0), "x_test": array(4, 0), "y_test": array(4, 0)}, "or all without"),
    ],
)
def test_arrays_that_are_no_pairs_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=words):
        read(tmp_path / "a.npz")


def test_one_file_has_both_domains_already(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=array(4, 0), y=array(4, 0))
    with pytest.raises(UserError, match="is one file of both domains: leave out target"):
        read(tmp_path / "a.npz", target=tmp_path)


# ----------------------------------------------------------------------------------------------------- partners


def test_pictures_without_a_partner_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(tmp_path, "input", "output", n=10)
    picture(tmp_path / "input" / "alone", 50)
    data = read(tmp_path)
    assert 50 not in reds(data.images)
    assert "1 pictures have no partner of the same name, and are left out: alone.png" in capsys.readouterr().err


def test_no_partner_at_all_is_refused(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "input" / f"a{i}", i), picture(tmp_path / "output" / f"b{i}", i)
    with pytest.raises(
        UserError, match=r"have equal names \(12.png, 12.jpg\); for pictures without pairs choose cyclegan"
    ):
        read(tmp_path)
    data = read(tmp_path, paired=False)
    assert not data.paired and len(data.images) == 3 and data.targets is not None and len(data.targets) == 3


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    two(tmp_path, "input", "output", n=4)
    picture(tmp_path / "input" / "1", 7, ending=".bmp")
    with pytest.raises(UserError, match="has two pictures called 1, with other endings: keep one"):
        read(tmp_path)


def test_pairs_of_two_sizes_are_refused_or_resized(tmp_path: Path) -> None:
    two(tmp_path, "input", "output", n=4)
    picture(tmp_path / "output" / "2", 102, (32, 32), ending=".bmp")
    with pytest.raises(UserError, match=r"2.png is 16 x 16 pixels and its partner 32 x 32: .* resize brings both"):
        for split in ("train", "validation"):  # it is in one of them
            read(tmp_path, split)
    assert read(tmp_path, resize=SIDE).images.shape[2:] == (SIDE, SIDE)
    picture(tmp_path / "output" / "2", 102, (20, 40), ending=".bmp")
    with pytest.raises(UserError, match=r"16 x 16 pixels and its partner 20 x 40: the two of a pair are of one shape"):
        for split in ("train", "validation"):
            read(tmp_path, split, resize=SIDE)


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("domain", ["input/3.png", "output/3.bmp"])
def test_an_unreadable_picture_takes_its_partner_with_it(
    tmp_path: Path, domain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(two(tmp_path, "input", "output") / domain)
    pairs = [read(tmp_path, split) for split in ("train", "validation")]
    assert sum(len(data.images) for data in pairs) == 19
    assert all(reds(data.targets) == [100 + red for red in reds(data.images)] for data in pairs)
    assert f"/{domain.replace('/', ', ')}: " in capsys.readouterr().err


def test_many_unreadable_pictures_are_refused(tmp_path: Path) -> None:
    two(tmp_path, "input", "output", n=12)
    for i in range(8):
        damage(tmp_path / "input" / f"{i}.png")
    with pytest.raises(UserError, match=r"8 of 2. pictures cannot be read: the folder"):
        read(tmp_path)


def many(path: Path, *names: str) -> Path:
    for name in names:
        for i in range(4):
            picture(path / "own" / name / f"{i}", i, (2 * SIDE, SIDE))
    return path / "own"


def deep(path: Path, tops: dict[str, int]) -> Path:
    for name, top in tops.items():
        (path / "deep" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.linspace(0, top, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint16)
            Image.fromarray(pixels).save(path / "deep" / name / f"{i}.png")
    return path / "deep"


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda path: read(path / "nothing"), "nothing is no folder"),
    "one folder twice": (lambda path: read(path / "input", target=path / "input"), "is named for both domains"),
    "a named set of one domain": (
        lambda path: load_domains("digits", "train", domains=Domains()),
        "digits has one domain: name the other one as target",
    ),
    "a named set and a folder": (
        lambda path: load_domains("digits", "train", target=path / "input", domains=Domains(paired=False)),
        "is no named set, and the other domain is one",
    ),
    "two named sets as pairs": (
        lambda path: load_domains("digits", "train", target="digits", domains=Domains()),
        "digits and digits are no pairs",
    ),
    "folders of other names": (
        lambda path: read(many(path, "photos", "paintings")),
        "has the folders paintings, photos: two domains are folders called input and output",
    ),
    "one domain alone": (
        lambda path: read(many(path, "input")),
        "has the folders input: two domains are folders",
    ),
    "more folders than two": (
        lambda path: read(many(path, "input", "output", "target")),
        "of which two would be domains: name these, the second as target",
    ),
    "splits beside domains": (
        lambda path: read(many(path, "input", "output", "train")),
        "two would be domains",
    ),
    "a domain of CycleGAN's without the other": (
        lambda path: read(many(path, "trainA", "trainB", "testA")),
        "testA has no folder testB beside it",
    ),
    "folders in each other": (
        lambda path: read(path, target=path / "output", paired=False),
        "lie in each other: its pictures would be of both",
    ),
    "values outside the range that is given": (
        lambda path: load_domains(
            deep(path, {"input": 4000, "output": 4000}),
            "train",
            domains=Domains(crop=SIDE, channels=1, outputs=1),
            value_range=(0, 100),
        ),
        r"lie outside 0..100, which was given as black and white \(value_range\)",
    ),
    "a domain of small pictures": (
        lambda path: (
            [picture(path / "small" / f"{i}", i, (9, 9)) for i in range(4)]
            and read(path / "input", target=path / "small", paired=False)
        ),
        "a picture has a side of 9 pixels, and the nets see squares of 16",
    ),
    "a named set of small pictures": (
        lambda path: load_domains("digits", "train", target="digits", domains=Domains(paired=False, crop=SIDE)),
        "a picture has a side of 8 pixels, and the nets see squares of 16",
    ),
    "pictures smaller than the nets' squares": (
        lambda path: (
            (picture(path / "input" / "0", 0, (9, 16)), picture(path / "output" / "0", 0, (9, 16)))
            and [read(path, split) for split in ("train", "test")]
        ),
        "a picture has a side of 9 pixels, and the nets see squares of 16",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_sentence(case: str, tmp_path: Path) -> None:
    act, words = REFUSED[case]
    two(tmp_path, "input", "output", n=4)
    for path in (tmp_path / "output").iterdir():  # so that all of a pair can have one ending
        Image.open(path).save(path.with_suffix(".png"))
        path.unlink()
    with pytest.raises(UserError, match=words):
        act(tmp_path)


def test_splits_of_one_domain_alone_are_refused(tmp_path: Path) -> None:
    two(tmp_path, "input/train", "output", n=4), two(tmp_path, "input/test", "input/val", n=4)
    with pytest.raises(UserError, match=r"has train, test, validation and .* has no splits: give both the same splits"):
        read(tmp_path)


def test_channels_are_of_what_comes_first_once_turned(tmp_path: Path) -> None:
    two(tmp_path, "input", "output", n=4)
    data = read(tmp_path, reverse=True, channels=3, outputs=1)
    assert data.images.shape[1] == 3 and data.targets is not None and data.targets.shape[1] == 1
    assert reds(data.images)[0] >= 100


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    two(tmp_path / "test", "input", "output", n=4)
    with pytest.raises(UserError, match="have test, and nothing to train on: name a folder train"):
        read(tmp_path)


# -------------------------------------------------------------------------------------------- sizes and squares


def test_pictures_of_several_sizes_are_cut_and_nothing_is_resized(tmp_path: Path) -> None:
    sizes = [(40, 33), (17, 90), (64, 64), (20, 20)]
    for i, size in enumerate(sizes):
        picture(tmp_path / "input" / f"{i}", i, size), picture(tmp_path / "output" / f"{i}", 100 + i, size)
    parts = [read(tmp_path, split) for split in ("train", "validation")]
    for data in parts:
        assert data.targets is not None and data.images.shape == data.targets.shape
        rows, columns = data.images[:, 2].long(), data.images[:, 1].long()
        assert bool((rows.diff(dim=1) == 1).all()) and bool((columns.diff(dim=2) == 1).all())  # as they were
        assert torch.equal(data.images[:, 1:], data.targets[:, 1:])  # the same place of both
        assert reds(data.targets) == [100 + red for red in reds(data.images)]
        assert len(data.files) == len(data.images)
    assert sorted(set(reds(parts[0].images) + reds(parts[1].images))) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("length", "side", "crop"), [(40, 16, 16), (33, 16, 5), (16, 16, 16), (17, 16, 1), (90, 64, 9)]
)
def test_every_crop_lies_in_a_square(length: int, side: int, crop: int) -> None:
    there = starts(length, side, crop)
    assert there[0] == 0 and there[-1] == length - side
    assert all(any(s <= p and p + crop <= s + side for s in there) for p in range(length - crop + 1))


def test_squares_are_the_picture_s() -> None:
    whole = np.arange(3 * 20 * 30).reshape(3, 20, 30)
    cut = squares(whole, 16, 12)
    assert cut.shape == (2 * 4, 3, 16, 16) and np.array_equal(cut[-1], whole[:, 4:, 14:])


def test_deep_pictures_of_both_domains_have_one_range(tmp_path: Path) -> None:
    for domain, top in (("input", 1000), ("output", 4000)):
        (tmp_path / domain).mkdir()
        for i in range(10):
            pixels = np.full((SIDE, SIDE), top * (i + 1) // 10, np.uint16)
            Image.fromarray(pixels).save(tmp_path / domain / f"{i}.png")
    data = read(tmp_path, channels=1, outputs=1)
    assert data.value_range is not None and data.targets is not None
    black, white = data.value_range
    at = data.files.index("4.png") if "4.png" in data.files else 0
    number = int(data.files[at].split(".")[0]) + 1
    assert int(data.images[at, 0, 0, 0]) == round(255 * (100 * number - black) / (white - black))
    assert int(data.targets[at, 0, 0, 0]) == round(255 * (400 * number - black) / (white - black))
    again = load_domains(
        tmp_path, "test", domains=Domains(crop=SIDE, channels=1, outputs=1), value_range=data.value_range
    )
    assert again.value_range == data.value_range


# ---------------------------------------------------------------------------------------------- splits and batches


def test_who_is_held_out_depends_on_names_alone() -> None:
    names = [f"{i}.png" for i in range(50)]
    kept = {names[i] for i in held_out(names)}
    assert len(kept) == 5 and kept == {names[::-1][i] for i in held_out(names[::-1])}
    assert len(held_out([str(i) for i in range(5000)])) == 100 and len(held_out(["a", "b"])) == 1


def test_a_split_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="have the splits train, test, and no 'extra'"):
        split_of(("train", "test"), "extra")


def numbered(n: int, side: int, value: int = 0) -> torch.Tensor:
    return (torch.arange(n, dtype=torch.uint8) + value)[:, None, None, None].expand(-1, 1, side, side).contiguous()


def test_pairs_stay_together_and_are_cropped_and_flipped_alike() -> None:
    x = torch.arange(10 * 64, dtype=torch.int64).remainder(251).to(torch.uint8).view(10, 1, 8, 8)
    y = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    batches = Pairs(x, y, 4, 0, crop=3, flip=True)
    for k in range(10):
        b = batches(k)
        assert b["x"].shape == (4, 1, 3, 3) and b["y"].shape == (4, 1, 6, 6)
        assert torch.equal(b["y"][:, :, ::2, ::2], b["x"]) and torch.equal(b["y"][:, :, 1::2, 1::2], b["x"])
        assert all(torch.equal(a, b) for a, b in zip(batches(k).values(), b.values(), strict=True))


def test_unpaired_batches_say_nothing_of_pairs() -> None:
    n = 200
    batches = Pairs(numbered(n, 4), numbered(n, 4), 50, 0, paired=False)
    together = sum(int((batches(k)["x"] == batches(k)["y"]).all(3).all(2).sum()) for k in range(8))
    assert together < 12  # 2 are expected where the orders are unrelated
    assert len({float(v) for k in range(4) for v in batches(k)["y"][:, 0, 0, 0]}) == n  # a whole epoch of each


def test_the_smaller_domain_begins_its_next_epoch_sooner() -> None:
    batches = Pairs(numbered(8, 4), numbered(5, 4, 100), 4, 0, paired=False)
    assert batches.per_epoch == 2 and batches.epoch(3) == 1
    assert all(batches(k)["y"].shape == (4, 1, 4, 4) for k in range(6))


@pytest.mark.parametrize(
    ("x", "y", "more", "words"),
    [
        (numbered(4, 4), numbered(3, 4), {}, "4 images and 3 targets are no pairs"),
        (numbered(4, 4), numbered(4, 6), {}, "are no pairs: targets' sides are to be 1, 2, 3"),
        (numbered(2, 4), numbered(2, 4), {}, "a batch of 3 cannot be drawn from 2 images"),
        (numbered(4, 4), numbered(4, 8), {"crop": 5}, "squares of 5 pixels a side cannot be cropped"),
        (numbered(4, 8), numbered(4, 4), {"crop": 5, "paired": False}, "squares of 5 pixels a side cannot be cropped"),
    ],
)
def test_no_batch_can_be_drawn(x: torch.Tensor, y: torch.Tensor, more: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Pairs(x, y, 3, 0, **more)  # type: ignore[arg-type]


def test_patches_of_pairs_are_of_one_place() -> None:
    x = torch.arange(6 * 100, dtype=torch.int64).remainder(251).to(torch.uint8).view(6, 1, 10, 10)
    data = ImageSet(x, None, "x", (), "", "", (), targets=x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    cut = pair_patches(data, 4, rows=torch.tensor([1, 5]))
    assert cut.targets is not None and cut.images.shape == (2, 1, 4, 4) and cut.targets.shape == (2, 1, 8, 8)
    assert torch.equal(cut.targets[:, :, ::2, ::2], cut.images)
    assert torch.equal(pair_patches(data, 4).images[[1, 5]], cut.images)
    unpaired = pair_patches(data._replace(paired=False), 4)
    assert unpaired.targets is not None and unpaired.targets.shape == (6, 1, 4, 4)
