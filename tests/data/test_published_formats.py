"""LSUN, CelebA, ImageNet and CIFAR-10 in their own formats, written small by the tests, whole and broken."""

import importlib.util
import os
import pickle
import struct
import tarfile
from io import BytesIO
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from energan.data import held_out_split, load
from energan.data.decoding import writing
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ENERGAN_CACHE", str(folder))
    return folder


def encoded(value, kind="WEBP", size=(24, 16), mode="RGB", **options):
    content = BytesIO()
    Image.new(mode, size, value).save(content, kind, **options)
    return content.getvalue()


def first(data):
    """The colour in the middle of each image."""
    h, w = data.images.shape[2:]
    return data.images[:, :, h // 2, w // 2].tolist()


# LSUN


def lsun(parent: Path, name: str, values: dict[bytes, bytes]) -> Path:
    folder = parent / name
    with lmdb.open(str(folder), map_size=2**24) as database, database.begin(write=True) as writing:
        for key, value in values.items():
            writing.put(key, value)
    return folder


@pytest.fixture
def bedrooms(tmp_path):
    values = {f"{i:040x}".encode(): encoded((i * 10, 0, 0), lossless=True) for i in range(9)}
    values[b"%040x" % 9] = encoded((90, 0, 0), "JPEG", quality=98)
    lsun(tmp_path, "bedroom_val_lmdb", {b"v": encoded((0, 0, 200), lossless=True)})
    return lsun(tmp_path, "bedroom_train_lmdb", values)


def test_lsun(bedrooms):
    data = load(bedrooms, size=16, progress=False)
    assert data.name == "bedroom" and data.labels is None and data.images.shape == (10, 3, 16, 16)
    assert [red for red, _, _ in first(data)] == pytest.approx([i * 10 for i in range(10)], abs=2)
    assert data.files[1] == f"{1:040x}"
    assert {path.name for path in bedrooms.iterdir()} == {"data.mdb", "lock.mdb"}


@pytest.mark.parametrize("split", ["test", "val"])
def test_lsuns_test_images_are_the_folder_beside(bedrooms, split):
    assert first(load(bedrooms, split, progress=False)) == [[0, 0, 200]]
    beside = bedrooms.with_name("bedroom_val_lmdb")
    assert first(load(beside, "test", progress=False)) == [[0, 0, 200]]
    assert len(load(beside, "train", size=8, progress=False).images) == 10


def test_lsun_from_the_cache_opens_no_image(bedrooms, monkeypatch):
    whole = load(bedrooms, size=16, progress=False)
    monkeypatch.setattr(writing, "decode_pages", None)
    assert torch.equal(load(bedrooms, size=16, progress=False).images, whole.images)


def test_broken_lsun(bedrooms, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"no split 'other'.*no bedroom_other_lmdb beside"):
        load(bedrooms, "other")
    with pytest.raises(UserError, match="holds no images"):
        load(lsun(tmp_path, "empty_train_lmdb", {}))
    mixed = lsun(tmp_path, "church_train_lmdb", {b"a": encoded(1), b"b": b"text", b"c": b""})
    assert load(mixed, progress=False).skipped[0] == "b: not an image of a known format"
    file = bedrooms / "data.mdb"
    content = file.read_bytes()
    for damaged, said in (
        (content[: len(content) // 2], "is cut off"),
        (content[:5000], "cut off"),
        (b"", "cannot be read"),
        (b"x" * len(content), "cannot be read"),
    ):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=said):
            load(bedrooms, size=16, progress=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr("energan.data.formats.lsun.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'energan\[lmdb\]'"):
        load(bedrooms)


# CelebA

NAMES = ("5_o_Clock_Shadow", "Smiling", "Young")
FACES = 8


def celeba(folder: Path, layout: str) -> Path:
    """The authors' layout, with the tables beside or in Anno/ and Eval/, or Kaggle's."""
    kaggle, rows, parts = layout == "kaggle", [], []
    images = folder / "img_align_celeba" / ("img_align_celeba" if kaggle else "")
    images.mkdir(parents=True)
    for i in range(1, FACES + 1):
        face = Image.new("RGB", (178, 218), "blue")
        face.paste((0, 200, 0), (35, 55, 143, 163))  # the centre 108
        face.paste((i * 20, 0, 0), (85, 105, 93, 113))
        face.save(images / f"{i:06d}.jpg", quality=98)
        rows.append((f"{i:06d}.jpg", "-1", "1" if i % 3 == 0 else "-1", "1"))
        parts.append((f"{i:06d}.jpg", str(0 if i <= 5 else i - 5 if i < 8 else 2)))  # 6: val, 7, 8: test
    anno, splits = (folder / "Anno", folder / "Eval") if layout == "official" else (folder, folder)
    for place in (anno, splits):
        place.mkdir(exist_ok=True)
    if kaggle:
        text = "\n".join(",".join(row) for row in [("image_id", *NAMES), *rows])
        (folder / "list_attr_celeba.csv").write_text(text)
        text = "\n".join(",".join(row) for row in [("image_id", "partition"), *parts])
        (folder / "list_eval_partition.csv").write_text(text)
    else:
        lines = [f"{FACES}", " ".join(NAMES) + " ", *("  ".join(row) for row in rows)]
        (anno / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
        (splits / "list_eval_partition.txt").write_text("\n".join(map(" ".join, parts)) + "\n")
    return folder


@pytest.mark.parametrize("layout", ["beside", "official", "kaggle"])
def test_celeba(tmp_path, layout):
    folder = celeba(tmp_path / "celeba", layout)
    train = load(folder, progress=False)
    assert train.images.shape == (5, 3, 218, 178) and train.labels is None
    assert [red for red, _, _ in first(train)] == pytest.approx([20, 40, 60, 80, 100], abs=4)
    assert [len(load(folder, split, progress=False).images) for split in ("val", "test")] == [1, 2]
    assert load(folder, "test", progress=False).files == ("000007.jpg", "000008.jpg")
    smiling = load(folder, label="Smiling", progress=False)
    assert smiling.classes == ("not Smiling", "Smiling") and smiling.labels.tolist() == [0, 0, 1, 0, 0]
    assert load(folder, label="Young", progress=False).labels.tolist() == [1] * 5
    assert smiling.sha256 not in (train.sha256, load(folder, label="Young", progress=False).sha256)
    only = load(folder, label="Smiling", only=("Smiling",), progress=False)
    assert only.files == ("000003.jpg",) and only.classes == ("Smiling",)


def test_celebas_centre(tmp_path):
    folder = celeba(tmp_path / "celeba", "beside")
    widest = load(folder, size=64, progress=False).images[0].float()  # the largest square: 178 x 178
    assert widest[2, 32, 2] > 230 and widest[1, 32, 10] < 30 and widest[1, 32, 16] > 170
    cut = load(folder, size=64, centre=108, progress=False).images[0].float()
    assert cut.shape == (3, 64, 64) and cut[1, 2, 2] > 180 and cut[2, 2:-2, 2:-2].max() < 60
    exact = load(folder, centre=108, progress=False)
    assert exact.images.shape == (5, 3, 108, 108)
    assert torch.equal(exact.images, load(folder, progress=False).images[:, :, 55:163, 35:143])
    with pytest.raises(UserError, match="178 x 218 pixels have no centre of 200 x 200"):
        load(folder, centre=200, progress=False)


def test_celeba_by_the_folder_of_its_images(tmp_path):
    folder = celeba(tmp_path / "celeba", "beside")
    data = load(folder / "img_align_celeba", "test", label="Smiling", progress=False)
    assert data.files == ("000007.jpg", "000008.jpg") and data.labels.tolist() == [0, 0]


def test_broken_celeba(tmp_path):
    folder = celeba(tmp_path / "celeba", "beside")
    attributes, partition = folder / "list_attr_celeba.txt", folder / "list_eval_partition.txt"
    with pytest.raises(UserError, match="no attribute 'smiling': did you mean 'Smiling'"):
        load(folder, label="smiling")
    with pytest.raises(UserError, match="no split 'holdout', only train, validation and test"):
        load(folder, "holdout")
    whole = attributes.read_text()
    attributes.write_text(whole[: whole.index("000004")])
    with pytest.raises(UserError, match=r"does not know 000004.jpg \(and 1 more\): it is cut off"):
        load(folder, label="Smiling")
    attributes.write_text(whole[: whole.index("000004") + 14])
    with pytest.raises(UserError, match=r"is damaged: line 6 has not 3 numbers after 000004.jpg"):
        load(folder, label="Smiling")
    attributes.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        load(folder, label="Smiling")
    attributes.unlink()
    with pytest.raises(UserError, match=r"no attribute 'Smiling': list_attr_celeba.txt is not there"):
        load(folder, label="Smiling")
    assert len(load(folder, progress=False).images) == 5
    partition.write_text(partition.read_text()[:30])
    with pytest.raises(UserError, match=r"list_eval_partition.txt (does not know|is damaged)"):
        load(folder)
    partition.unlink()
    assert len(load(folder, progress=False).images) == FACES
    with pytest.raises(UserError, match=r"no split 'test': list_eval_partition.txt is not there"):
        load(folder, "test")


def test_attributes_are_celebas(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for source in (tmp_path, "digits"):
        with pytest.raises(UserError, match="has no attributes"):
            load(source, label="Smiling")


# ImageNet

SYNSETS = {"n01440764": "tench, Tinca tinca", "n02085620": "Chihuahua", "n02113978": "Mexican hairless, xolo"}
ORDER = ("n02113978", "n01440764", "n02085620")  # the development kit's numbers 1, 2, 3 are in another order
VAL = (2, 3, 1, 1)  # of ILSVRC2012_val_00000001, ...


def imagenet(folder: Path, flat: bool = True) -> Path:
    for value, synset in enumerate(SYNSETS):
        (folder / "train" / synset).mkdir(parents=True)
        for i in range(2):
            (folder / "train" / synset / f"{synset}_{i}.JPEG").write_bytes(encoded((value * 100, 0, 0), "JPEG"))
    for i, number in enumerate(VAL, 1):
        place = folder / "val" / ("" if flat else ORDER[number - 1])
        place.mkdir(parents=True, exist_ok=True)
        content = encoded((0, i * 50, 0), "JPEG")
        (place / f"ILSVRC2012_val_{i:08d}.JPEG").write_bytes(content)
    return folder


def kit(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fields = [("ILSVRC2012_ID", float), ("WNID", object), ("words", object), ("num_children", float)]
    rows = [(i, name, SYNSETS[name], 0) for i, name in enumerate(ORDER, 1)] + [(1001, "n00001740", "entity", 3)]
    savemat(folder / "meta.mat", {"synsets": np.array(rows, dtype=fields)[:, None]})
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{n}\n" for n in VAL))


LABELS = [0, 1, 2, 2]  # of the images in val/


def test_imagenet_and_its_flat_validation_images(tmp_path):
    folder = imagenet(tmp_path / "imagenet")
    train = load(folder, progress=False)
    assert train.classes == tuple(SYNSETS) and train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    kit(folder / "ILSVRC2012_devkit_t12" / "data")
    for split in ("test", "val"):
        val = load(folder, split, progress=False)
        assert val.labels.tolist() == LABELS
        assert [green for _, green, _ in first(val)] == pytest.approx([50, 100, 150, 200], abs=4)
    assert val.classes == ("n01440764 tench", "n02085620 Chihuahua", "n02113978 Mexican hairless")


def test_kaggles_imagenet(tmp_path):
    inside = imagenet(tmp_path / "imagenet" / "ILSVRC" / "Data" / "CLS-LOC")
    lines = [f"ILSVRC2012_val_{i:08d},{ORDER[n - 1]} 1 2 3 4 {ORDER[n - 1]} 5 6 7 8" for i, n in enumerate(VAL, 1)]
    (tmp_path / "imagenet" / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines]))
    words = "\n".join(f"{name} {words}" for name, words in SYNSETS.items())
    (tmp_path / "imagenet" / "LOC_synset_mapping.txt").write_text(words)
    val = load(tmp_path / "imagenet", "test", progress=False)
    assert val.labels.tolist() == LABELS and val.classes[0] == "n01440764 tench"
    assert val.name == "imagenet" and inside.is_dir()


def test_imagenet_with_folders_in_val(tmp_path):
    folder = imagenet(tmp_path / "imagenet", flat=False)
    (folder / "words.txt").write_text("n00001740\tentity\n" + "".join(f"{k}\t{v}\n" for k, v in SYNSETS.items()))
    val = load(folder, "val", progress=False)
    assert val.labels.tolist() == LABELS and val.classes[2] == "n02113978 Mexican hairless"
    assert val.classes == load(folder, progress=False).classes


def test_dogs_of_imagenet(tmp_path):
    folder = imagenet(tmp_path / "imagenet")
    kit(folder)
    for only in (("n02085620..n02113978",), ("n02113978", "n02085620"), ("n02113978", "n02085620 Chihuahua")):
        dogs = load(folder, only=only, progress=False)
        assert dogs.labels.tolist() == [0, 0, 1, 1]
        assert dogs.classes == ("n02085620 Chihuahua", "n02113978 Mexican hairless")
        assert [red for red, _, _ in first(dogs)] == pytest.approx([100, 100, 200, 200], abs=4)
        assert load(folder, "val", only=only, progress=False).labels.tolist() == [0, 1, 1]
    for only, said in (
        (("n02085620..n02113979",), "no class 'n02113979': did you mean 'n02113978'"),
        (("poodle",), "no class 'poodle': it has n01440764 tench, n02085620"),
        (("n02113978..n02085620",), "the first of a range comes before the last"),
    ):
        with pytest.raises(UserError, match=said):
            load(folder, only=only)


def test_imagenets_odd_files(tmp_path):
    folder = imagenet(tmp_path / "imagenet")
    place = folder / "train" / "n02085620"
    (place / "n02085620_0.JPEG").write_bytes(encoded((0, 255, 255, 0), "JPEG", mode="CMYK", quality=95))
    (place / "n02085620_1.JPEG").write_bytes(encoded((7, 8, 9), "PNG"))
    cmyk, png = first(load(folder, progress=False))[2:4]
    assert cmyk[0] > 240 and max(cmyk[1:]) < 15 and png == [7, 8, 9]


def test_broken_imagenet(tmp_path):
    folder = imagenet(tmp_path / "imagenet")
    with pytest.raises(UserError, match=r"in val/ without their classes: put LOC_val_solution.csv"):
        load(folder, "test")
    assert len(load(folder / "val", progress=False).images) == len(VAL)  # as the sentence says
    kit(folder)
    truth, meta = folder / "ILSVRC2012_validation_ground_truth.txt", folder / "meta.mat"
    for text, said in (("2\n3\n", "does not know ILSVRC2012_val_00000003"), ("2\n3\n9\n1\n", "class '9' that meta.mat"),
                       ("2\n3\nx\n1\n", "class 'x'")):  # fmt: skip
        truth.write_text(text)
        with pytest.raises(UserError, match=said):
            load(folder, "test")
    kit(folder)
    content = meta.read_bytes()
    for damaged in (content[:200], content[:-40], b"", b"x" * 500, content[:136] + b"\xff" * 60 + content[196:]):
        meta.write_bytes(damaged)
        with pytest.raises(UserError, match=r"meta.mat cannot be read"):
            load(folder, "test")
    with pytest.raises(UserError, match="no split 'other'"):
        load(folder, "other")
    other = imagenet(tmp_path / "other", flat=False)
    (other / "train" / "n02113978").rename(other / "elsewhere")
    with pytest.raises(UserError, match="has 'n02113978' in val/, that train/ lacks"):
        load(other, "test")


# Classes of other sources


def test_some_classes_of_a_named_set_and_of_a_folder(tmp_path):
    whole, some = load("digits", progress=False), load("digits", only=("3", "7..9"), progress=False)
    assert some.classes == ("3", "7", "8", "9") and some.labels.unique().tolist() == [0, 1, 2, 3]
    expected = torch.cat([whole.images[whole.labels == n] for n in (3, 7, 8, 9)])
    assert sorted(map(bytes, some.images.numpy())) == sorted(map(bytes, expected.numpy()))
    assert torch.equal(some.images[some.labels == 1], whole.images[whole.labels == 7])
    for name in ("cat", "cow..dog"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8), len(name)).save(tmp_path / name / "1.png")
    some = load(tmp_path, only=("cow..dog",), progress=False)
    assert some.files == ("cow..dog/1.png",) and some.labels.tolist() == [0]
    with pytest.raises(UserError, match="no classes to choose from"):
        load(tmp_path / "cat", only=("cat",))


# CIFAR-10


def records(n: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(start)
    return rng.integers(0, 256, (n, 3072), np.uint8), (np.arange(n) + start) % 10


BATCHES = {**{f"data_batch_{i}": i for i in range(1, 6)}, "test_batch": 6}


def binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, start in BATCHES.items():
        images, labels = records(4, start)
        content = np.concatenate([labels.astype(np.uint8)[:, None], images], 1).tobytes()
        (folder / f"{name}.bin").write_bytes(content)
    (folder / "batches.meta.txt").write_text("airplane\n")
    return folder


def text2(text: str | bytes) -> bytes:
    """A str of Python 2 as its cPickle writes it, in protocol 2."""
    content = text.encode() if isinstance(text, str) else text
    return (
        b"U" + bytes([len(content)]) + content
        if len(content) < 256
        else b"T" + struct.pack("<i", len(content)) + content
    )


def pickled(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch as Python 2 and NumPy of 2009 pickled it: no Python of today writes it so."""
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(M" + struct.pack(
        "<H", len(images)
    )
    array += b"M" + struct.pack("<H", 3072) + b"t" + dtype + b"\x89" + text2(images.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([n]) for n in labels) + b"e"
    items = text2("data") + array + text2("labels") + numbers + text2("batch_label") + text2("training batch 1 of 5")
    return b"\x80\x02}(" + items + b"u."


def pythonic(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, start in BATCHES.items():
        (folder / name).write_bytes(pickled(*records(4, start)))
    return folder


@pytest.fixture(params=["bin", "py"])
def cifar(request, tmp_path):
    return (binary if request.param == "bin" else pythonic)(tmp_path / f"cifar-10-batches-{request.param}")


def archived(folder: Path) -> Path:
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def test_cifar_of_both_versions_as_folder_and_archive(cifar):
    for source in (cifar, cifar.parent, archived(cifar)):
        train, test = load(source, progress=False), load(source, "test", progress=False)
        assert train.images.shape == (20, 3, 32, 32) and test.images.shape == (4, 3, 32, 32)
        assert train.labels.tolist() == [(i + start) % 10 for start in range(1, 6) for i in range(4)]
        assert test.labels.tolist() == [6, 7, 8, 9] and train.classes[3] == "cat" and train.name == "cifar-10"
        expected = records(4, 3)[0].reshape(4, 3, 32, 32)  # planes of red, green, blue; rows from the top
        assert torch.equal(train.images[8:12], torch.from_numpy(expected))
    assert load(cifar, size=16, channels=1, progress=False).images.shape == (20, 1, 16, 16)
    cats = load(cifar, only=("cat",), progress=False)
    assert cats.classes == ("cat",) and torch.equal(cats.images, train.images[train.labels == 3])


def test_both_versions_are_the_same_set(tmp_path):
    one, other = binary(tmp_path / "a" / "cifar-10-batches-bin"), pythonic(tmp_path / "b")
    assert load(one, progress=False).sha256 == load(other, progress=False).sha256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes, which are no records of 3073"),
        (bytes(3073 * 2 - 1), "6145 bytes, which are no records"),
        (bytes(3074 * 3), "9222 bytes, which are no records"),  # CIFAR-100's
        (b"\x0a" + bytes(3072), "a label 10, where 0..9"),
    ],
)
def test_broken_binary_cifar(tmp_path, content, said):
    folder = binary(tmp_path / "cifar-10-batches-bin")
    (folder / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(UserError, match=rf"data_batch_3.bin has {said}"):
        load(folder, progress=False)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(UserError, match=r"has no data_batch_3 \(nor data_batch_3.bin\)"):
        load(folder, progress=False)
    with pytest.raises(UserError, match="no split 'validation', only train and test"):
        load(folder, "val")


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("archive", [False, True])
def test_a_hostile_pickle_runs_nothing(tmp_path, archive):
    folder = pythonic(tmp_path / "cifar-10-batches-py")
    (folder / "data_batch_2").write_bytes(pickle.dumps({"data": Hostile(tmp_path / "owned")}, protocol=2))
    with pytest.raises(UserError, match=r"data_batch_2 is not what it seems: .*system, which is not an array: refused"):
        load(archived(folder) if archive else folder, progress=False)
    assert not (tmp_path / "owned").exists()


IMAGES4 = np.zeros((4, 3072), np.uint8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (pickled(IMAGES4, np.zeros(4, int))[:5000], "cannot be read"),
        (b"\x80\x02X\xff\xff\xff\x7f.", "cannot be read"),
        (pickle.dumps([1, 2], protocol=2), "cannot be read"),
        (pickle.dumps({"data": [[1, 2]], "labels": [3]}, protocol=2), "holds no images of 3 x 32 x 32"),
        (pickled(IMAGES4, np.zeros(3, int)), "holds no images of 3 x 32 x 32 bytes with a label each"),
        (pickled(IMAGES4, np.full(4, 12)), "a label 12, where 0..9"),
    ],
)
def test_broken_pickles_of_cifar(tmp_path, content, said):
    folder = pythonic(tmp_path / "cifar-10-batches-py")
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load(folder, "test", progress=False)


def test_broken_archives_of_cifar(tmp_path, cifar):
    path = archived(cifar)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"text", b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"(CIFAR-10 in|the archive) .*tar.gz cannot be read"):
            load(path, progress=False)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(next(cifar.iterdir()), "other")
    with pytest.raises(UserError, match=r"holds no images .*1 file without an ending"):
        load(path, progress=False)


def test_a_centre_is_of_image_files(cifar):
    with pytest.raises(UserError, match="no image files to cut a centre out of"):
        load(cifar, centre=16, progress=False)
    with pytest.raises(UserError, match="centre must be 2 or more"):
        load(cifar, centre=1, progress=False)


@pytest.mark.parametrize("split", ["test", "validation", "Val"])
def test_sets_in_imagenets_manner_hold_out_what_they_have(tmp_path, split):
    """Beside train/ only val/ was known: test/ was not held out."""
    for part in ("train", split):
        for synset in ("n01440764", "n02085620"):
            (tmp_path / part / synset).mkdir(parents=True)
            (tmp_path / part / synset / "a.jpg").write_bytes(encoded((9, 0, 0), "JPEG"))
    assert load(tmp_path, held_out_split(tmp_path), progress=False).counted == f"{tmp_path.name}/{split} (2)"


def test_imagenets_own_test_images_have_no_labels_and_are_left_alone(tmp_path):
    folder = imagenet(tmp_path / "imagenet", flat=False)
    (folder / "test").mkdir()
    (folder / "test" / "ILSVRC2012_test_1.JPEG").write_bytes(encoded((9, 0, 0), "JPEG"))
    assert held_out_split(folder) == "validation" and load(folder, "test", progress=False).labels.tolist() == LABELS


def test_tables_with_a_mark_of_bytes_order(tmp_path):
    folder = celeba(tmp_path / "celeba", "kaggle")
    table = folder / "list_attr_celeba.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert load(folder, label="Smiling", progress=False).classes == ("not Smiling", "Smiling")
