"""Files of a run that are damaged, or that somebody made to do harm: one sentence, and nothing else happens."""

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from small_runs import fingerprint, log, sentence, start, trained

import energan
from energan.cli import main
from energan.report import write_report
from energan.runs.folder import RunFolder
from energan.runs.memory.bounds import bounded_memory
from energan.runs.reader import read
from energan.runs.rebuild import rebuild
from energan.training.loop import train
from energan.utils.errors import UserError
from energan.utils.files import digest_of, read_file, read_weights, write_weights
from energan.utils.specification.hints import fits


@pytest.fixture(autouse=True)
def no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        folder = trained(tmp_path_factory.mktemp("runs") / "run", steps=3, width=2)
        main(["evaluate", str(folder), "--n", "12"])
        return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard")))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------------ checkpoints


def test_a_changed_bit_anywhere_is_seen(tmp_path: Path) -> None:
    """Of each bit of the header in turn, and of many of the tensors."""
    whole = write_weights(tmp_path / "w.safetensors", {"t": torch.tensor(7)}, {"step": "60"})
    content, path = whole.read_bytes(), tmp_path / "flipped.safetensors"
    kept = read_weights(whole)
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            tensors, about = read_weights(path)
        except UserError:
            continue
        # what is between the words of the header says nothing
        assert about == kept[1] and {k: v.tolist() for k, v in tensors.items()} == {
            k: v.tolist() for k, v in kept[0].items()
        }, bit


def test_a_flipped_weight_is_one_sentence(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = RunFolder(run).checkpoint()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    for command in (["resume", str(run), "--steps", "4"], ["sample", str(run)], ["evaluate", str(run)]):
        assert main(command) == 2
        assert "is damaged: its content is not what was written" in sentence(capsys)


def test_files_without_a_digest_are_read(run: Path) -> None:
    """Those of older Energans and of other programs."""
    path = RunFolder(run).checkpoint()
    before = fingerprint(path)
    save_file(load_file(path), path, {"format": "1", "step": "3"})
    assert energan.load(run).sample(1).shape == (1, 1, 32, 32) and fingerprint(path) == before
    save_file(load_file(path), path, {"format": "2", "step": "3"})
    with pytest.raises(UserError, match="is not what was written"):
        energan.load(run)


def test_the_digest_is_of_names_types_shapes_bytes_and_metadata() -> None:
    tensors, about = {"a": torch.zeros(2, 3)}, {"step": "1"}
    others = [
        ({"b": torch.zeros(2, 3)}, about),
        ({"a": torch.zeros(3, 2)}, about),
        ({"a": torch.zeros(2, 3, dtype=torch.int32)}, about),
        ({"a": torch.ones(2, 3)}, about),
        (tensors, {"step": "2"}),
    ]
    assert len({digest_of(*each) for each in (*others, (tensors, about))}) == 6


Tensors = dict[str, torch.Tensor]
FORGED: dict[str, Callable[[Tensors], Any]] = {
    "t is infinite": lambda t: t.update({"state/t": torch.tensor(float("inf"))}),
    "t is negative": lambda t: t.update({"state/t": torch.tensor(-1)}),
    "t is a list": lambda t: t.update({"state/t": torch.tensor([3, 4])}),
    "no t": lambda t: t.pop("state/t"),
    "draws are a fraction": lambda t: t.update({"state/draws": torch.tensor(0.5)}),
    "the generator's state is of floats": lambda t: t.update({"state/generator": torch.zeros(5056)}),
    "the generator's state is short": lambda t: t.update({"state/generator": t["state/generator"][:9]}),
    "a tensor in the place of a tree": lambda t: t.update({"state/moments": torch.zeros(3)}),
    "a scalar in the place of a tree": lambda t: t.update({"state/weights/G": torch.tensor(1.0)}),
    "a tree in the place of a tensor": lambda t: t.update({"state/t/x": torch.tensor(1)}),
    "a moment of another type": lambda t: t.update(
        {k: v.double() for k, v in t.items() if k.startswith("state/moments/G/m")}
    ),
    "a moment of another shape": lambda t: t.update(
        {k: v[None] for k, v in t.items() if k.startswith("state/moments/G/m")}
    ),
    "weights of another shape": lambda t: t.update(
        {k: v[..., None] for k, v in t.items() if k.startswith("state/weights/G")}
    ),
    "no weights": lambda t: [t.pop(k) for k in list(t) if k.startswith("state/weights/G")],
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_state_is_one_sentence(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = RunFolder(run).checkpoint()
    tensors = load_file(path)
    FORGED[name](tensors)
    write_weights(path, tensors, {"step": "3"})
    before = contents(run)
    assert main(["resume", str(run), "--steps", "4", "--quiet"]) == 2
    said = sentence(capsys)
    assert "000003.safetensors does not fit this run" in said and len(said) < 500
    assert contents(run) == before


# ------------------------------------------------------------------------------------------------- refused, unchanged


def test_a_refused_resume_changes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    with RunFolder(run).locked():
        assert main(["resume", str(run), "--steps", "500"]) == 2
        assert "another process trains in" in sentence(capsys)
    assert main(["resume", str(run), "--steps", "2"]) == 2
    assert "is at step 3 already: --steps 2 must be above that" in sentence(capsys)
    assert main(["resume", str(run), "--steps", "9", "--microbatches", "3"]) == 2
    assert contents(run) == before


def test_who_waited_for_the_folder_sees_what_the_other_wrote(run: Path) -> None:
    """Between reading run.json and having the folder, another process may have trained on."""
    late = RunFolder(run)
    steps = late.record["steps"]
    RunFolder(run).update(steps=steps + 4)
    with late.locked():
        assert late.record["steps"] == steps + 4


def test_a_refused_evaluate_leaves_the_last_measurement(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    for more in (["--n", "0"], ["--checkpoint", "7"], ["--data", "/nowhere"], ["--seed", "-1"]):
        assert main(["evaluate", str(run), *more]) == 2
        sentence(capsys)
    assert contents(run) == before


def test_the_checkpoint_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what a kill left undone is played again."""
    seen = []
    save = RunFolder.save

    def look(self: RunFolder, trainer: Any, model: Any) -> Path:
        sheet = self.path / "samples" / f"{trainer.t:06d}.png"
        seen.append((trainer.t, sheet.is_file(), [line["step"] for line in log(self.path)][-1]))
        return save(self, trainer, model)

    monkeypatch.setattr(RunFolder, "save", look)
    made, data = start(tmp_path / "run", steps=6)
    train(made, RunFolder(tmp_path / "run"), data, quiet=True)
    assert seen == [(3, True, 3), (6, True, 6)]


# ------------------------------------------------------------------------------------------------- links and pipes

LINKED = (
    "run.json",
    "log.jsonl",
    "real.png",
    "evaluation.json",
    "checkpoints",
    "samples",
    "checkpoints/000003.safetensors",
)


@pytest.mark.parametrize("name", LINKED)
def test_links_out_of_the_folder_are_refused(
    run: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).rename(tmp_path / "private")
    (run / name).symlink_to(tmp_path / "private")
    for command in (["resume", str(run), "--steps", "4"], ["evaluate", str(run)], ["sample", str(run)]):
        assert main(command) == 2
        assert "is no file of the run but a link out of it" in sentence(capsys)


@pytest.mark.parametrize("name", LINKED)
def test_pipes_are_not_waited_for(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    os.mkfifo(path)
    for command in (["resume", str(run), "--steps", "4"], ["evaluate", str(run)]):
        assert main(command) == 2
        sentence(capsys)
    if name != "run.json":
        write_report(run)


def test_a_link_within_the_folder_is_followed(run: Path) -> None:
    (run / "checkpoints" / "best.safetensors").symlink_to(run / "checkpoints" / "000003.safetensors")
    assert energan.load(run, checkpoint="best").sample(1).shape == (1, 1, 32, 32)


def test_the_report_shows_no_file_that_is_linked(run: Path, tmp_path: Path) -> None:
    Image.new("L", (9, 9), 77).save(tmp_path / "private.png")
    (tmp_path / "private.json").write_text('{"metrics": {"private": 1}}')
    (tmp_path / "private.jsonl").write_text('{"step": 1, "logs": {"private": 1}}\n')
    (tmp_path / "sheets").mkdir()
    shutil.copy(tmp_path / "private.png", tmp_path / "sheets" / "000003.png")
    shutil.rmtree(run / "samples")
    (run / "samples").symlink_to(tmp_path / "sheets")
    for name, target in (
        ("real.png", "private.png"),
        ("evaluation.json", "private.json"),
        ("log.jsonl", "private.jsonl"),
    ):
        (run / name).unlink()
        (run / name).symlink_to(tmp_path / target)
    (run / "checkpoints" / "x.safetensors").symlink_to(tmp_path / "nothing")
    page = write_report(run).read_text()
    assert "private" not in page and 'width="9"' not in page


# ----------------------------------------------------------------------------------------------------- the report

LINES = (
    '{"step": 1' + "0" * 400 + ', "logs": {"a": 1}}',
    '{"step": 3, "logs": {"a": 1' + "0" * 400 + "}}",
    '{"step": 3, "logs": {"a": [1]}, "metrics": 5, "energies": {"edges": "x"}}',
    '{"step": 3, "metrics": {"FID": "x"}}',
    '{"step": 3, "metrics": {"FID": 1' + "0" * 400 + "}}",
    '{"step": true, "logs": {"a": 1}}',
    "[" * 100_000,
    '{"step": 3, "logs": ' + '{"a":' * 50_000,
    '{"step": 3, "logs": {"a": 1e400}}',
    "\x00\x1b[2J",
)


def test_a_damaged_log_is_read_as_far_as_it_goes(run: Path) -> None:
    with (run / "log.jsonl").open("a") as file:
        file.write("\n".join(LINES) + "\n")
    write_report(run)
    assert main(["resume", str(run), "--steps", "4", "--quiet"]) == 0
    assert main(["evaluate", str(run), "--n", "12"]) == 0


def test_a_line_of_20000_names_has_200_charts(run: Path) -> None:
    names = {f"D/quantity {i}": i for i in range(20_000)}
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 3, "logs": names}) + "\n")
    files = read(run)
    assert len(files.logged("logs")[-1].values) <= 200 and files.unread("logs") > 19_000
    page = write_report(run)
    assert "more names of log.jsonl" in page.read_text() and page.stat().st_size < 3e6


@pytest.mark.parametrize("name", ["evaluation.json", "neighbours.json", "chains.json"])
@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"metrics": ' + "[" * 500 + "]" * 500 + "}", '{"metrics": {"a": NaN}}']
)
def test_other_json_is_read_as_far_as_it_goes(run: Path, name: str, text: str) -> None:
    (run / name).write_text(text)
    write_report(run)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each value within a value of JSON."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from leaves(each, (*path, key))


def with_value(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(record)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def test_what_a_stranger_writes_is_text_in_the_page(run: Path) -> None:
    """In every place of run.json, evaluation.json and the log that holds text, and in names."""
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
    for name in ("run.json", "evaluation.json", "neighbours.json"):
        record = json.loads((run / name).read_text())
        for path in list(leaves(record)):
            place: Any = record
            for key in path[:-1]:
                place = place[key]
            if isinstance(place[path[-1]], str) and path != ("game", "readouts", 0) and path[-1] not in ("call",):
                place[path[-1]] = evil
        (run / name).write_text(json.dumps(record | ({"metrics": {evil: 1}} if name == "evaluation.json" else {})))
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 3, "logs": {evil: 1}, "metrics": {evil: 2}}) + "\n")
    (run / "samples" / "<img src=x>.png").touch()
    page = write_report(run).read_text()
    assert "<script>alert" not in page and "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


# ------------------------------------------------------------------------------------------------------- run.json

DEEP: Any = 0
for _ in range(300):
    DEEP = [DEEP]

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 7, 10**12, 10**400, 1.5, -0.5, float("nan"), float("inf"), "", "x", "mnist", "/etc/passwd",
    [], [1, 2], ["a"], {}, {"a": 1}, {"object": 0}, {"object": 10**9}, {"float": "nan"}, {"list": []}, {"dict": {}},
    {"function": "energan.recipes.common:padded_digits"}, DEEP,
)  # fmt: skip

COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "report": lambda run, out: ["report", str(run)],
    "sample": lambda run, out: ["sample", str(run), "--n", "2", "--out", str(out / "x.png")],
    "export": lambda run, out: ["export", str(run), "--out", str(out / "export")],
    "score": lambda run, out: ["score", str(out / "images"), "--run", str(run), "--out", str(out / "x.csv")],
    "evaluate": lambda run, out: ["evaluate", str(run), "--n", "12"],
    "resume": lambda run, out: ["resume", str(run), "--quiet"],
    "resume on": lambda run, out: ["resume", str(run), "--quiet", "--steps", "4"],
}


def walk(run: Path, out: Path, cases: Iterator[tuple[str, tuple[Any, ...], Any]]) -> None:
    """Each command on a run whose run.json has another value in one place: it works, or says why not in a sentence."""
    pixels = torch.randint(0, 256, (2, 32, 32), dtype=torch.uint8).numpy()
    (out / "images").mkdir()
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(out / "images" / f"{i}.png")
    record = json.loads((run / "run.json").read_text())
    faults = []
    for command, path, value in cases:
        folder = out / "case"
        shutil.copytree(run, folder)
        (folder / "run.json").write_text(json.dumps(with_value(record, path, value)))
        try:
            code: object = main(COMMANDS[command](folder, out))
        except Exception as error:
            code = error
        if code not in (0, 2):
            faults.append((command, path, value, code))
            print(faults[-1], flush=True)  # half an hour is long to wait for the others
        shutil.rmtree(folder)
    assert not faults


def places(run: Path) -> list[tuple[Any, ...]]:
    return list(leaves(json.loads((run / "run.json").read_text())))


@pytest.mark.parametrize("command", COMMANDS)
def test_any_value_anywhere_in_run_json(run: Path, tmp_path: Path, command: str) -> None:
    """A few of the cases of the test below."""
    chance, there = random.Random(command), places(run)
    walk(run, tmp_path, ((command, chance.choice(there), chance.choice(VALUES)) for _ in range(3)))


@pytest.mark.slow
def test_every_value_everywhere_in_run_json(run: Path, tmp_path: Path) -> None:
    """Every field with every value, each by one of the commands: some 6,000 cases, half an hour."""
    commands, chance = list(COMMANDS), random.Random(0)
    there = [path for path in places(run) if path != ("compile",)]  # the tests' own shape checks cannot be compiled
    walk(run, tmp_path, ((chance.choice(commands), path, value) for path in there for value in VALUES))


@pytest.mark.parametrize("width", [10**30, 10**15, 30_000])
def test_networks_larger_than_the_memory_are_not_made(run: Path, width: int) -> None:
    record = RunFolder(run).record
    for call in record["experiment"]["calls"]:
        if "width" in call["arguments"]:
            call["arguments"]["width"] = width
    with pytest.raises(UserError, match=r"would take|damaged"):
        rebuild(record)


def test_memory_is_counted_before_it_is_taken() -> None:
    with bounded_memory("this"), pytest.raises(UserError, match=r"this would take .* GiB, more than"):
        torch.empty(2**50)
    with bounded_memory("this"), pytest.raises(UserError, match="GiB"):
        torch.eye(2**25)
    with bounded_memory("a pass", rows=250), pytest.raises(UserError, match="a pass would take"):
        torch.ones(1, 1).expand(2**20, 2**20).contiguous()
    wide = torch.nn.Linear(2**12, 2**10)  # 16 MiB, which it transposes: not once for each row
    with bounded_memory("a pass", rows=2**10), torch.no_grad():
        assert wide(torch.zeros(1, 2**12)).shape == (1, 2**10)
    with bounded_memory("this"):
        assert torch.nn.Linear(3, 4).weight.shape == (4, 3)


def test_a_description_that_cannot_be_played_is_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Noise of no numbers is a noise; that the generator takes more is seen when it is first played."""
    folder = Path(shutil.copytree(run, tmp_path / "damaged"))
    record = json.loads((folder / "run.json").read_text())
    for call in record["experiment"]["calls"]:
        if call.get("call", "").endswith(":ebgan_pt"):
            call["arguments"]["z"] = 0
    (folder / "run.json").write_text(json.dumps(record))
    assert main(["resume", str(folder), "--steps", "20", "--quiet"]) == 2
    assert "cannot be trained as its run.json describes it: " in capsys.readouterr().err


def test_only_what_makes_an_object_is_called(run: Path) -> None:
    """A loader of images may be named, and is called with the run's own images; not with what run.json likes."""
    record = RunFolder(run).record
    for call in (
        {"call": "energan.recipes.common:padded_digits", "arguments": {"source": "/etc", "split": "train"}},
        {"call": "energan.recipes.plug_and_play.encoder:_weights_of_run", "arguments": {"folder": "/etc"}},
    ):
        forged = copy.deepcopy(record)
        forged["experiment"]["calls"].append(call)
        with pytest.raises(UserError, match="makes no part of a run"):
            rebuild(forged)
    parts = record["experiment"]["value"]["dict"]
    for loader in (
        {"partial": "energan.recipes.common:_resized", "positional": ["/etc"], "keywords": {}},
        {"partial": "energan.recipes.common:padded_digits", "positional": [], "keywords": {"source": "/etc"}},
        {"function": "energan.recipes.plug_and_play.encoder:encode_images"},
    ):
        with pytest.raises(UserError, match="prepare of its experiment is no such thing"):
            rebuild(with_value(record, ("experiment", "value", "dict"), parts | {"prepare": loader}))


def test_values_fit_annotations_or_not() -> None:
    fitting = [(1, int), (1, float), ((1, 2), tuple[int, ...]), (None, int | None), ({"a": 1.0}, dict[str, float])]
    assert all(fits(value, hint) for value, hint in fitting)
    others = [(True, int), (1.5, int), ("1", float), ((1, "a"), tuple[int, ...]), (10**30, int), ([1], dict[str, int])]
    assert not any(fits(value, hint) for value, hint in others)


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    os.mkfifo(tmp_path / "pipe")
    for path, most in ((tmp_path / "a", 4), (tmp_path / "pipe", 5), (tmp_path, 5), (tmp_path / "none", 5)):
        with pytest.raises(OSError, match=r".+"):
            read_file(path, most)


@pytest.mark.parametrize("crop", [10**30, 2**40, 1, 0, -3, 2.5, True])
def test_a_crop_that_is_none_is_refused(run: Path, crop: object) -> None:
    record = RunFolder(run).record
    parts = record["experiment"]["value"]["dict"]
    with pytest.raises(UserError, match="crop of its experiment is no such thing"):
        rebuild(with_value(record, ("experiment", "value", "dict"), parts | {"crop": crop}))
