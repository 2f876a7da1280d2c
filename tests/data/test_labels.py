"""Labels of a CSV, however it is written, and test images that are training images."""

import tarfile
import unicodedata
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from energan.data import ImageSet, load, splits_of
from energan.data.labels import labelled_by, refuse_trained
from energan.utils.errors import UserError

FILES = ("cat/0.png", "dog/1.png", "\u00e9t\u00e9/2.png", "dog/3.png")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate(FILES):
        path = tmp_path / "ds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), index).save(path)
    return tmp_path / "ds"


def read(folder: Path, content: bytes | str, encoding: str = "utf-8") -> list[str]:
    """The class of each image, "" for none."""
    path = folder.parent / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    data = labelled_by(load(folder, progress=False), path, folder)
    assert data.labels is not None
    return [[*data.classes, ""][label] for label in data.labels.tolist()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(folder: Path, encoding: str, delimiter: str) -> None:
    rows = [("File", "Label"), ("cat/0.png", "a"), ("\u00e9t\u00e9/2.png", "\u00e9"), ("dog/1.png", "")]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert read(folder, text, encoding) == ["a", "", "", "\u00e9"]  # the accent comes last


def test_excels_first_line(folder: Path) -> None:
    assert read(folder, "sep=;\nlabel;file\na;cat/0.png\n")[0] == "a"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("write", ["{}", "./{}", ".//{}", "dog/../{}", " {} ", "{full}/{}", "windows"])
def test_ways_to_name_a_file(folder: Path, form: str, write: str) -> None:
    name = unicodedata.normalize(form, FILES[2])
    written = name.replace("/", "\\") if write == "windows" else write.format(name, full=folder)
    assert read(folder, f"file,label\n{written},x\n") == ["", "", "", "x"]


@pytest.mark.parametrize(
    "name", ["/elsewhere/0.png", "../0.png", "cat/../../ds2/0.png", "C:\\ds\\cat\\0.png", "..\\0.png"]
)
def test_files_outside_the_folder_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="which is not in"):
        read(folder, f"file,label\ncat/0.png,a\n{name},b\n")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["-1.0", "1.0", "nan", "2.0"], ["", "1", "", "2"]),
        (["NaN", "10", "9.0", ""], ["", "10", "9", ""]),
        (["-1", "1.0", "cat", ""], ["", "1.0", "cat", ""]),  # text: 1.0 is what it is called
        (["1.5", "1", "1.0", "x"], ["1.5", "1", "1.0", "x"]),
    ],
)
def test_labels_that_are_none_and_whole_numbers(folder: Path, labels: list[str], expected: list[str]) -> None:
    names = sorted(FILES)  # as load has them
    rows = "\n".join(f"{name},{label}" for name, label in zip(names, labels, strict=True))
    assert read(folder, f"file,label\n{rows}\n") == expected


def test_classes_of_numbers_are_in_their_order(folder: Path) -> None:
    path = folder.parent / "labels.csv"
    path.write_text("file,label\ncat/0.png,10\ndog/1.png,9\n")
    assert labelled_by(load(folder, progress=False), path, folder).classes == ("9", "10")


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_an_archives_files_of_another_split_may_be_named(tmp_path: Path, ending: str) -> None:
    content, path = BytesIO(), tmp_path / f"ds.{ending}"
    Image.new("L", (8, 8)).save(content, "PNG")
    names = ("train\\a.png", "/train/b.png", "./test/c.png", "../d.png")
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as zipped:
            for name in names:
                zipped.writestr(zipfile.ZipInfo(name), content.getvalue())
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = len(content.getvalue())
                tar.addfile(info, BytesIO(content.getvalue()))
    (tmp_path / "l.csv").write_text("file,label\ntrain/a.png,x\ntrain/b.png,y\ntest\\c.png,x\n")
    data = labelled_by(load(path, progress=False), tmp_path / "l.csv", path)
    assert data.files == ("train/a.png", "train/b.png") and data.classes == ("x", "y")
    assert data.skipped == ("../d.png: lies outside the archive",) and splits_of(path) == ("train", "test")


def test_test_images_that_are_training_images(capsys: pytest.CaptureFixture[str]) -> None:
    def made(values: list[int], labels: list[int]) -> ImageSet:
        images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
        return ImageSet(images, torch.tensor(labels), "ds", ("a", "b"), "ds", "", ())

    training = made([1, 2, 3], [0, 1, -1])
    with pytest.raises(UserError, match=r"the test images ds \(2\) are images that the classifier learns"):
        refuse_trained(made([2, 1], [1, 0]), training)
    refuse_trained(made([3, 4], [1, 0]), training)  # it was seen without its label
    assert not capsys.readouterr().err
    refuse_trained(made([2, 4], [1, 0]), training)
    assert "1 of the 2 test images are also training images" in capsys.readouterr().err


def test_a_file_of_several_pages_labels_each(tmp_path: Path) -> None:
    """Its pages had no label, and nothing was said."""
    folder = tmp_path / "ds"
    folder.mkdir()
    pages = [Image.new("L", (8, 8), value) for value in (1, 2)]
    pages[0].save(folder / "s.tif", save_all=True, append_images=pages[1:])
    Image.new("L", (8, 8), 3).save(folder / "z.png")
    assert read(folder, "file,label\ns.tif,cell\nz.png,none\n") == ["cell", "cell", "none"]
    assert read(folder, "file,label\ns.tif,cell\ns.tif page 1,none\n") == ["cell", "none", ""]


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\x1c", "\x0b"])
def test_rows_end_where_csv_says(folder: Path, sign: str) -> None:
    shown = sign if sign.isprintable() else repr(sign)[1:-1]
    rows = f"file,label\ncat/0.png,a{sign}b\ndog/1.png,c\n"
    assert read(folder, rows) == [f"a{shown}b", "c", "", ""]
