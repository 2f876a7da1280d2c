"""Whatever strangers send works, or is refused in one printable sentence, soon and in little memory.

ENERGAN_FUZZ=400 pytest tests/test_fuzz.py --hypothesis-seed=1     400 inputs a test instead of 4

docs/security.md has the numbers of the longest run, and its seeds.
"""

import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from hostile import (
    FILE_NAMES,
    Edit,
    bounded,
    damage,
    json_values,
    paths,
    picture,
    replaced,
    sound,
    texts,
    written,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_runs import trained

import energan
from energan import evaluation
from energan.cli import main
from energan.data import ImageSet, load
from energan.data.attributes import with_attributes
from energan.data.labels import labelled_by
from energan.report import write_report
from energan.runs.checkpoints import read_checkpoint
from energan.utils.console import _warned
from energan.utils.errors import UserError

T = TypeVar("T")

INPUTS = int(os.environ.get("ENERGAN_FUZZ", "4"))  # of each test

fuzz = settings(
    max_examples=INPUTS, deadline=None, derandomize=INPUTS < 10, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        folder = trained(tmp_path_factory.mktemp("runs") / "run")
        evaluation.evaluate(folder, n=20)
        write_report(folder)
        return folder


def tried(call: Callable[[], T]) -> T | None:
    """What the call returns; None where it refuses in a printable sentence. What else it raises is a defect."""
    heard = io.StringIO()
    _warned.clear()
    with bounded(), redirect_stderr(heard):
        try:
            result = call()
        except UserError as error:
            assert str(error).isprintable() and len(str(error)) < 2000, repr(str(error))
            result = None
    told = heard.getvalue()
    assert "\x1b" not in told.replace("\x1b[33m", "").replace("\x1b[0m", ""), repr(told)
    assert "Traceback" not in told, told
    return result


def is_sound(data: ImageSet) -> None:
    """What is loaded is images, with a label of a class each, or none."""
    n, c, h, w = data.images.shape
    assert data.images.dtype == torch.uint8
    assert n > 0
    assert c in {1, 3, 4}
    assert min(h, w) > 1
    assert all(name.isprintable() for name in (*data.classes, *data.files, *data.skipped, data.name, data.source))
    if data.labels is not None:
        assert data.labels.shape == (n,)
        assert data.labels.min() >= -1
        assert data.labels.max() < len(data.classes)
    assert not data.files or len(data.files) == n
    if data.attributes is not None:
        assert data.attributes.shape == (n, len(data.attribute_names))
        assert data.attributes.isfinite().all() and all(name.isprintable() for name in data.attribute_names)
    assert not data.captions or len(data.captions) == n
    assert all(said and all(text.isprintable() and text for text in said) for said in data.captions)


# ---------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("kind", sound())
def test_damaged_data(kind: str) -> None:
    files = sound()[kind]
    first = next(iter(files))

    @fuzz
    @given(
        damage(), st.sampled_from(("train", "test", "all")), st.sampled_from((None, 6)), st.sampled_from((None, 1, 4))
    )
    def check(edit: Edit, split: str, size: int | None, channels: int | None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = written(Path(folder), {**files, first: edit(files[first])})
            label = "Smiling" if kind == "celeba attributes" else ""
            given = {"size": size, "channels": channels, "label": label, "progress": False}
            data = tried(lambda: load(source, split, captions=kind.startswith(("captions", "cub")), **given))
            if data is not None:
                is_sound(data)
            if data is not None and "attributes" in kind:
                described = tried(lambda: with_attributes(data, source))
                if described is not None:
                    is_sound(described)

    check()


def trees() -> st.SearchStrategy[list[list[str]]]:
    """Paths of image files in folders of odd names."""
    names = st.sampled_from(FILE_NAMES)
    return st.lists(st.lists(names, min_size=0, max_size=3), min_size=1, max_size=8)


@fuzz
@given(trees(), st.sampled_from((".png", ".PNG", "", ".heic", ".svg", ".txt")))
def test_folders_of_odd_names(tree: list[list[str]], ending: str) -> None:
    """No image is in two splits, and none in a split that is not among all."""
    with tempfile.TemporaryDirectory() as folder:
        for index, names in enumerate(tree):
            path = Path(folder, *names, f"{index}{ending if index == 0 else '.png'}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture("PNG", index % 6))
        loaded = {
            split: tried(lambda split=split: load(folder, split, progress=False))
            for split in ("train", "test", "validation", "all")
        }
        for data in filter(None, loaded.values()):
            is_sound(data)
        files = {split: set(data.files) if data else set() for split, data in loaded.items()}
        assert not (files["train"] & files["test"] or files["train"] & files["validation"])
        if loaded["all"]:
            assert files["train"] | files["test"] | files["validation"] <= files["all"]


@fuzz
@given(st.binary(max_size=300) | st.lists(st.lists(texts(), max_size=3), max_size=6), st.sampled_from(",;\t"))
def test_labels_of_odd_tables(content: bytes | list[list[str]], comma: str) -> None:
    if isinstance(content, list):
        lines = [f"file{comma}label", *(comma.join(row) for row in content), f"0.png{comma}cat", f"1.png{comma}dog"]
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images")
        written(images, {f"{i}.png": picture("PNG", i) for i in range(4)})
        Path(folder, "labels.csv").write_bytes(content)
        data = load(images, progress=False)
        labelled = tried(lambda: labelled_by(data, Path(folder, "labels.csv"), images))
        if labelled is not None:
            is_sound(labelled)


@fuzz
@given(
    st.sampled_from(
        (np.uint8, np.uint16, np.int8, np.int64, np.float16, np.float32, np.float64, np.bool_, np.complex64)
    ),
    st.lists(st.sampled_from((0, 1, 2, 3, 4, 8, 9)), min_size=0, max_size=5),
    st.sampled_from((0, 1, -1, 255, 4095, 65535, 0.5, float("nan"), float("inf"))),
    st.sampled_from(("O", "S3", "U3", "M8[s]", "V4", "")),
)
def test_arrays_of_any_kind(dtype: type, shape: list[int], value: float, odd: str) -> None:
    with np.errstate(all="ignore"):
        array = np.full(shape, value).astype(dtype)
    array = np.zeros(shape, odd) if odd else array
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.npy", "a.npz"):
            path = Path(folder, name)
            np.save(path, array) if name == "a.npy" else np.savez(path, images=array)
            data = tried(lambda path=path: load(path, progress=False))
            if data is not None:
                is_sound(data)


# ---------------------------------------------------------------------------------------------- run folders


def copied(run: Path, folder: str) -> Path:
    return Path(shutil.copytree(run, Path(folder, "run")))


def quietly(arguments: list[str]) -> int:
    """The command line's exit code."""
    heard, told = io.StringIO(), io.StringIO()
    with redirect_stderr(heard), redirect_stdout(told):
        try:
            code = main(arguments)
        except SystemExit as leaving:  # wrong flags
            code = leaving.code if isinstance(leaving.code, int) else 1
    assert code in (0, 2), f"exit code {code}: {heard.getvalue()}"
    assert "Traceback" not in heard.getvalue(), heard.getvalue()
    lines = heard.getvalue().replace("\x1b[33m", "").replace("\x1b[0m", "")
    assert all(line.isprintable() for line in lines.splitlines()), repr(lines)
    return code


def opened(run: Path, how: str) -> None:
    """One use of a run folder."""
    uses: dict[str, Callable[[], Any]] = {
        "load": lambda: energan.load(run),
        "resume": lambda: quietly(["resume", str(run), "--steps", "9", "--quiet"]),
        "evaluate": lambda: quietly(["evaluate", str(run), "--n", "10"]),
        "report": lambda: quietly(["report", str(run)]),
        "sample": lambda: quietly(["sample", str(run), "--n", "2", "--out", str(run.parent / "a.png")]),
        "score": lambda: quietly(["score", "digits", "--run", str(run), "--out", str(run.parent / "a.csv")]),
        "export": lambda: quietly(["export", str(run), "--out", str(run.parent / "a.safetensors")]),
    }
    tried(uses[how])


USES = st.sampled_from(("load", "load", "load", "resume", "evaluate", "report", "report", "sample", "score"))


@pytest.fixture(autouse=True)
def nothing_measured_after_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


def test_run_json_of_any_values(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())

    @fuzz
    @given(st.sampled_from([*paths(record)]), json_values(), USES)
    def check(path: tuple[Any, ...], value: Any, how: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = copied(run, folder)
            (copy / "run.json").write_text(json.dumps(replaced(record, path, value)))
            opened(copy, how)

    check()


@pytest.mark.parametrize(
    "name", ("run.json", "log.jsonl", "evaluation.json", "neighbours.json", "checkpoints/000008.safetensors")
)
def test_damaged_run_folders(run: Path, name: str) -> None:
    @fuzz
    @given(damage(), USES)
    def check(edit: Edit, how: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = copied(run, folder)
            if (copy / name).is_file():
                (copy / name).write_bytes(edit((copy / name).read_bytes()))
            opened(copy, how)

    check()


def test_logs_of_any_lines(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]

    @fuzz
    @given(st.integers(0, len(lines) - 1), st.data(), json_values(), st.sampled_from(("report", "resume")))
    def check(index: int, data: st.DataObject, value: Any, how: str) -> None:
        path = data.draw(st.sampled_from([*paths(lines[index])]))
        with tempfile.TemporaryDirectory() as folder:
            copy = copied(run, folder)
            changed = [replaced(line, path, value) if i == index else line for i, line in enumerate(lines)]
            (copy / "log.jsonl").write_text("\n".join(map(json.dumps, changed)))
            opened(copy, how)

    check()


def test_a_checkpoint_is_read_whole_or_refused(run: Path) -> None:
    """Not one tensor differs from what was written."""
    sound_ = read_checkpoint(run / "checkpoints" / "000008.safetensors")
    content = (run / "checkpoints" / "000008.safetensors").read_bytes()

    def same(a: Any, b: Any) -> bool:
        if isinstance(a, dict):
            return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)

    @fuzz
    @given(damage() | st.integers(0, 8 * len(content) - 1))
    def check(edit: Edit | int) -> None:
        if isinstance(edit, int):  # one bit
            flipped = bytearray(content)
            flipped[edit // 8] ^= 1 << edit % 8
        else:
            flipped = bytearray(edit(content))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "000008.safetensors")
            path.write_bytes(flipped)
            read = tried(lambda: read_checkpoint(path))
            assert read is None or (read.step == sound_.step and all(map(same, sound_[:2], read[:2])))

    check()


# ---------------------------------------------------------------------------------------------- Python and commands


def anything() -> st.SearchStrategy[Any]:
    """What may be handed to `score` as images."""
    shapes = st.lists(st.sampled_from((0, 1, 3, 4, 8)), max_size=5)
    kinds = st.sampled_from((np.uint8, np.int64, np.float32, np.float64, np.bool_))
    made = st.builds(lambda shape, kind, value: np.full(shape, value).astype(kind), shapes, kinds, st.integers(0, 2))
    pictures = st.builds(
        lambda mode, w: Image.new(mode, (w, 8)),
        st.sampled_from(("1", "L", "P", "RGB", "RGBA", "I", "F")),
        shapes.map(len),
    )
    return (
        made
        | made.map(torch.from_numpy)
        | made.map(lambda a: a.tolist())
        | st.lists(pictures, max_size=3)
        | pictures
        | json_values()
    )


def test_scores_of_anything(run: Path) -> None:
    model = energan.load(run)

    @fuzz
    @given(anything(), st.sampled_from((None, (0, 1), (-1, 1), (0.0, 255.0), (1, 0), "x")))
    def check(images: Any, value_range: Any) -> None:
        energies = tried(lambda: model.score(images, value_range=value_range))
        assert energies is None or (energies.ndim == 1 and energies.isfinite().all())

    check()


SMALL = ["--data", "digits", "--width", "4", "--steps", "2", "--save-every", "2", "--batch", "4", "--quiet"]


def test_commands_of_any_words(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @fuzz
    @given(
        st.sampled_from(
            ("data", "steps", "batch", "seed", "precision", "device", "size", "save-every", "lr", "margin")
        ),
        texts() | st.integers(-2, 3).map(str),
    )
    def check(flag: str, value: str) -> None:
        if "\0" in value or "\ud800" in value or set(value) <= set("/."):
            return  # no shell hands these over; and the whole disk takes its time
        with tempfile.TemporaryDirectory() as folder:
            monkeypatch.chdir(folder)
            tried(lambda: quietly(["train", "ebgan-pt-mnist", *SMALL, f"--{flag}", value, "--out", "run"]))

    check()


@fuzz
@given(st.lists(texts(), max_size=4))
def test_words_that_are_no_command(words: list[str]) -> None:
    if not any("\0" in word for word in words):
        tried(lambda: quietly(words))
