"""Captions beside images: tables, texts, COCO's, Flickr's, Hugging Face's and CUB's layouts, and odd ones."""

import json
from pathlib import Path

import pytest
import torch
from hostile import picture, written

from energan.data import load, pad, splits_of
from energan.data.batches.images import patches
from energan.data.classes import joined
from energan.data.formats.captions.tables import is_table, said_split
from energan.data.labels import in_classes
from energan.utils.errors import UserError

PICTURES = {f"{name}.png": picture("PNG", i) for i, name in enumerate("abc")}


def said(
    folder: Path, files: dict[str, bytes | str], split: str = "train", **how: object
) -> dict[str, tuple[str, ...]]:
    """The captions of each file that is loaded."""
    content = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    written(folder, content)
    data = load(folder, split, captions=True, progress=False, **how)
    assert len(data.captions) == len(data.files) == len(data.images)
    assert all(of for of in data.captions)
    return dict(zip(data.files, data.captions, strict=True))


ALIKE = {"a.png": ("a cat, black", "=1+1"), "b.png": ("un chat élégant",), "c.png": ("<b>x</b>",)}

CSV = 'file,caption\na.png,"a cat, black"\na.png,=1+1\nb.png,un chat élégant\nc.png,<b>x</b>\n'

TABLES: dict[str, bytes | str] = {
    "captions.csv": CSV,
    "Captions.CSV": CSV.encode("utf-8-sig"),
    "metadata.csv": CSV.replace("file,caption", "File_Name;Text", 1).replace("png,", "png;").encode("utf-16"),
    "captions.tsv": CSV.replace("file,caption", "file\tcaption").replace("png,", "png\t").replace("\n", "\r\n"),
    "captions.jsonl": "\n".join(json.dumps({"file": name, "captions": list(texts)}) for name, texts in ALIKE.items()),
    "metadata.jsonl": "\n".join(
        json.dumps({"file_name": name, "text": text, "n": 1}) for name, texts in ALIKE.items() for text in texts
    )
    + "\n\n",
    "captions.txt": "\n".join(f"{name}\t{text}" for name, texts in ALIKE.items() for text in texts),
    "flickr8k.token.txt": "\r\n".join(
        f"{name}#{i}\t{text}" for name, texts in ALIKE.items() for i, text in enumerate(texts)
    ),
    "captions.json": json.dumps(
        {
            "images": [{"id": 10 + i, "file_name": name} for i, name in enumerate(ALIKE)],
            "annotations": [
                {"image_id": 10 + i, "caption": text} for i, texts in enumerate(ALIKE.values()) for text in texts
            ],
        }
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_all_tables_say_the_same(table, tmp_path):
    assert said(tmp_path, {table: TABLES[table], **PICTURES}) == ALIKE


def test_flickr_as_kaggle_has_it(tmp_path):
    files = {f"Images/{name}": content for name, content in PICTURES.items()}
    found = said(tmp_path, {"captions.txt": 'image,caption\na.png,"A child , in pink"\na.png,A girl .\n', **files})
    assert found == {"Images/a.png": ("A child , in pink", "A girl .")}


def test_a_text_beside_each_image(tmp_path, capsys):
    files = {"cat/0.png": PICTURES["a.png"], "cat/0.txt": "a cat\n\n  a  black\tcat \n", "cat/1.png": PICTURES["b.png"]}
    assert said(tmp_path, files) == {"cat/0.png": ("a cat", "a black cat")}
    assert "(1 of 2)" in capsys.readouterr().err


def test_cub_with_its_split(tmp_path):
    files = {f"images/{k}.Bird/{k}_{i}.png": picture("PNG", i + k) for k in (1, 2) for i in range(3)}
    names = [name.removeprefix("images/") for name in files]
    tables = {
        "images.txt": "\n".join(f"{i} {name}" for i, name in enumerate(names, 1)),
        "train_test_split.txt": "\n".join(f"{i} {int(i % 3 != 0)}" for i in range(1, 7)),
    }
    texts = {f"text_c10/{name.replace('png', 'txt')}": f"bird {name}\nit flies\n" for name in names}
    found = said(tmp_path, {**files, **tables, **texts})
    assert found == {f"images/{k}.Bird/{k}_{i}.png": (f"bird {k}.Bird/{k}_{i}.png", "it flies")
                     for k in (1, 2) for i in range(2)}  # fmt: skip
    test = load(tmp_path, "test", progress=False)
    assert splits_of(tmp_path) == ("train", "test") and test.classes == ("1.Bird", "2.Bird")
    assert test.labels.tolist() == [0, 1] and test.captions == ()
    assert len(load(tmp_path, "all", captions=True, progress=False).images) == 6
    for name, damage in (("train_test_split.txt", "1 1\n2 1\n"), ("images.txt", "1\n")):
        written(tmp_path, {**{k: v.encode() for k, v in tables.items()}, name: damage.encode()})
        with pytest.raises(UserError, match=r"do not know|damaged"):
            load(tmp_path, progress=False)
    with pytest.raises(UserError, match="only train and test"):
        load(tmp_path, "validation", progress=False)


def coco(names: list[str]) -> str:
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    return json.dumps(
        {"images": images, "annotations": [{"image_id": i, "caption": name} for i, name in enumerate(names)]}
    )


def test_coco_beside_its_splits(tmp_path, capsys):
    files = {
        "train2017/1.png": PICTURES["a.png"],
        "train2017/2.png": PICTURES["b.png"],
        "val2017/3.png": PICTURES["c.png"],
    }
    tables = {
        "annotations/captions_train2017.json": coco(["1.png", "2.png"]),
        "annotations/captions_val2017.json": coco(["3.png"]),
    }
    assert said(tmp_path, {**files, **tables}) == {"train2017/1.png": ("1.png",), "train2017/2.png": ("2.png",)}
    assert said(tmp_path, {}, "val") == {"val2017/3.png": ("3.png",)}
    assert capsys.readouterr().err == ""  # the other split's are neither missing nor left out
    assert len(said(tmp_path, {}, "all")) == 3
    of_another_split = {"annotations/captions_val2017.json": coco(["1.png", "3.png"])}
    assert said(tmp_path, of_another_split)["train2017/1.png"] == ("1.png",)
    assert said(tmp_path, {"annotations/captions_val2017.json": "no table"})  # what is not of the split is not read


def test_tables_inside_splits_name_files_from_there(tmp_path):
    files = {f"{split}/x/a.png": PICTURES["a.png"] for split in ("train", "test")}
    tables = {
        f"{split}/metadata.jsonl": json.dumps({"file_name": "x/a.png", "text": split}) for split in ("train", "test")
    }
    assert said(tmp_path, {**files, **tables}) == {"train/x/a.png": ("train",)}
    assert said(tmp_path, {}, "test") == {"test/x/a.png": ("test",)}


def test_odd_captions_become_one_printable_line(tmp_path, capsys):
    rows = [
        ["a.png", "two\nlines\r\nand\u2028three "],
        ["a.png", "\x1b[2Jred \x00"],
        ["a.png", "   "],
        ["a.png", ""],
        ["a.png", "x" * 10_000],
        ["a.png", "same"],
        ["a.png", "same"],
        ["b.png", ""],
    ]
    table = "file,caption\n" + "\n".join(f'{name},"{text}"' for name, text in rows)
    found = said(tmp_path, {"captions.csv": table, **PICTURES})
    assert found == {"a.png": ("two lines and three", "\\x1b[2Jred \\x00", "x" * 1000, "same")}
    heard = capsys.readouterr().err
    assert "(1) are cut to their first 1000 characters" in heard
    assert "without a caption (2 of 3) are left out: b.png" in heard


def test_files_that_are_not_there_are_said_and_nothing_outside_is_opened(tmp_path, capsys):
    names = ["a.png", "gone.png", "../secret.png", "/etc/passwd", "C:\\x.png", ".\\b.png", "", "a/../c.png"]
    rows = "\n".join(json.dumps({"file": name, "caption": "x"}) for name in names)
    assert set(said(tmp_path, {"captions.jsonl": rows, **PICTURES})) == {"a.png", "b.png"}
    heard = capsys.readouterr().err
    assert "captions.jsonl has captions (6) of files that are not in the folder: gone.png" in heard


def test_names_in_two_unicode_forms_are_one(tmp_path):
    files = {"caf\u00e9.png": PICTURES["a.png"], "captions.txt": "cafe\u0301.png\tune tasse"}
    assert list(said(tmp_path, files).values()) == [("une tasse",)]


REFUSED: dict[str, tuple[dict[str, bytes | str], str]] = {
    "none": ({}, "has no captions of the images of the split 'train': put captions.csv"),
    "two tables": ({"captions.csv": CSV, "captions.txt": "a.png\tx"}, "captions.csv and captions.txt: keep one"),
    "no columns": ({"captions.csv": "name,words\na.png,x"}, "no columns 'file' and 'caption' in .* line, only name"),
    "two columns": ({"captions.csv": "file,text,caption\na.png,x,y"}, "the columns text and caption: keep one"),
    "loose comma": ({"captions.csv": "file,caption\na.png,a cat, black"}, "line 2 has 3 columns, not 2"),
    "open quote": ({"captions.csv": 'file,caption\na.png,"a cat\nb.png,x'}, "captions.csv cannot be read"),
    "no text": ({"captions.csv": b"file,caption\na.png,\xff\xfe\xfd"}, "cannot be read"),
    "no tab": ({"captions.txt": "a.png\tx\nb.png x"}, "no tab between file and caption in line 2"),
    "no json": ({"captions.jsonl": '{"file": "a.png", "caption": "x"}\n{"file'}, "line 2 of .*cannot be read"),
    "deep json": ({"captions.jsonl": "[" * 100_000}, "line 1 of .*cannot be read: it is nested too deeply"),
    "no object": ({"captions.jsonl": "[1]"}, "line 1 of .* is no object"),
    "no caption": ({"captions.jsonl": '{"file": "a.png"}'}, "line 1 of .* has no caption"),
    "number": ({"captions.jsonl": '{"file": "a.png", "caption": [7]}'}, "7 in line 1 of .* is no text"),
    "no coco": ({"captions.json": "[]"}, "is none of COCO's"),
    "coco cut": (
        {"captions.json": '{"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}'}, "which it does not list",
    ),
    "twofold": (
        {"captions.txt": "d.png\tx", "p/d.png": PICTURES["a.png"], "q/d.png": PICTURES["b.png"]},
        "names d.png, which may be p/d.png or q/d.png: name its folder too",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(kind, tmp_path):
    files, words = REFUSED[kind]
    with pytest.raises(UserError, match=words) as refusal:
        said(tmp_path, {**files, **PICTURES})
    assert str(refusal.value).isprintable()


def test_links_out_of_the_folder_are_not_read(tmp_path):
    (tmp_path / "secret.csv").write_text("file,caption\na.png,secret")
    written(tmp_path / "ds", PICTURES)
    (tmp_path / "ds" / "captions.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(UserError, match="leads out of the folder"):
        load(tmp_path / "ds", captions=True, progress=False)


def test_a_table_goes_before_texts_and_that_is_said(tmp_path, capsys):
    found = said(tmp_path, {"captions.csv": CSV, "a.txt": "not this", **PICTURES})
    assert found == ALIKE and ".txt files beside images (1) are not read" in capsys.readouterr().err


def test_without_captions_a_folder_is_what_it_was(tmp_path, capsys):
    written(tmp_path, {"x/a.png": PICTURES["a.png"], "y/b.png": PICTURES["b.png"]})
    before = load(tmp_path, progress=False)
    (tmp_path / "captions.csv").write_text(CSV)
    after = load(tmp_path, progress=False)
    assert after.captions == () and after.sha256 == before.sha256 and torch.equal(after.images, before.images)
    assert after.files == before.files and after.classes == before.classes and capsys.readouterr().err == ""


def test_another_caption_is_another_set_of_the_same_pixels(tmp_path):
    said(tmp_path, {"captions.csv": CSV, **PICTURES})
    one = load(tmp_path, captions=True, progress=False)
    same = load(tmp_path, captions=True, progress=False)
    (tmp_path / "captions.csv").write_text(CSV.replace("chat", "chien"))
    other = load(tmp_path, captions=True, progress=False)
    assert one.sha256 == same.sha256 != other.sha256 and torch.equal(one.images, other.images)
    assert other.captions[1] == ("un chien élégant",)


def test_sources_without_captions_say_so(tmp_path):
    written(tmp_path, {"a.png": PICTURES["a.png"]})
    for source in ("digits", tmp_path / "a.png"):
        with pytest.raises(
            UserError, match=r"has no captions: they lie beside the images of a folder, or .*worded-mnist"
        ):
            load(source, captions=True, progress=False)
    with pytest.raises(UserError, match="there is no"):
        load(tmp_path / "nowhere", captions=True, progress=False)
    assert len(load("worded-mnist", "test", captions=True).captions) == 10_000


def test_captions_go_with_their_images(tmp_path):
    files = {f"{k}/{i}.png": picture("PNG", i) for k in ("cat", "dog") for i in range(2)}
    table = "\n".join(f"{name}\t{name}" for name in files)
    said(tmp_path, {"captions.txt": table, **files})
    data = load(tmp_path, captions=True, progress=False, size=8)
    own = [(name,) for name in data.files]
    assert list(data.captions) == own
    assert list(pad(data, 12).captions) == own
    assert patches(data, 4, rows=torch.tensor([2, 0])).captions == (own[2], own[0])
    assert list(joined([data, data]).captions) == own + own
    assert list(load(tmp_path, captions=True, only=("dog",), progress=False).captions) == own[2:]
    some = data._replace(labels=torch.tensor([-1, 0, -1, 1]))
    assert in_classes(some, ("cat", "dog")).captions == (own[1], own[3])
    with pytest.raises(UserError, match=r"some parts of .* have captions and others have none"):
        joined([data, data._replace(captions=())])


def test_names_of_tables():
    assert all(map(is_table, ("captions.csv", "caption.txt", "Captions_val2017.json", "metadata.jsonl", "x.token")))
    assert not any(map(is_table, ("labels.csv", "metadata.json", "captions.md", "instances_val2017.json", "0.txt")))
    assert said_split("captions_val2017.json") == "validation" and said_split("captions.csv") is None
