"""--config, and `restart`: settings and weights of an earlier run."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from small_runs import sentence, trained

from energan.cli import main
from energan.commands.config import word_after
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder

SHORT = ["--steps", "4", "--save-every", "2", "--quiet"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An EBGAN-PT of 8 steps, with an average."""
    return trained(tmp_path / "ünïcode 🐈", decay=0.0, lr=1e-3, margin=7.5)


def test_a_config_gives_the_defaults_and_the_line_wins(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--config", str(run), *SHORT, "--lr", "0.002", "--out", "new"]) == 0
    said = capsys.readouterr().out
    assert f"settings of {run}, but for lr 0.002 (there 0.001), steps 4 (there 8), save-every 2 (there 3)" in said
    before, now = RunFolder(run).record, RunFolder("new").record
    assert now["recipe"] == before["recipe"] and now["game"]["hyperparameters"] == before["game"]["hyperparameters"]
    changed = {"lr": 0.002, "steps": 4, "save_every": 2}
    known = {name: value for name, value in before["arguments"].items() if name not in changed}
    assert now["arguments"] | known == now["arguments"] and now["arguments"] | changed == now["arguments"]


def test_a_setting_that_an_older_run_has_not_recorded_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--config", str(run), *SHORT, "--out", "whole"]) == 0
    assert "settings that are not recorded there: " in capsys.readouterr().out  # from Python, a run has what was given
    line = ["train", "--config", "whole", "--out"]
    assert main([*line, "same"]) == 0 and "not recorded" not in capsys.readouterr().out
    path = Path("whole") / "run.json"
    record = json.loads(path.read_text())
    del record["arguments"]["share_samples"]
    path.write_text(json.dumps(record))
    assert main([*line, "new"]) == 0
    assert "settings that are not recorded there: share-samples False here\n" in capsys.readouterr().out


def test_of_two_configs_the_last_counts_as_of_any_flag(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = trained(Path("other"), decay=0.0, lr=2e-3, margin=9.0)
    assert word_after("--data", ["--data", "a", "--steps", "3", "--data=b"]) == "b"
    assert main(["train", "--config", str(run), f"--config={other}", *SHORT, "--out", "new"]) == 0
    assert f"settings of {other}" in capsys.readouterr().out
    record = RunFolder("new").record
    assert record["arguments"]["margin"] == 9.0


def test_a_file_will_do_and_the_recipe_may_stand_there(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("=1+1.json").write_text((run / "run.json").read_text())
    assert main(["train", "ebgan-pt-mnist", "--config==1+1.json", *SHORT, "--out", "new"]) == 0
    assert RunFolder("new").record["arguments"]["width"] == 4
    with pytest.raises(SystemExit):
        main(["train", "ebgan-pt-mnist", "--config", str(run), "--help"])
    assert "7.5" in capsys.readouterr().out  # the defaults that --help tells


@pytest.mark.parametrize(
    "told, expected",
    [
        ("train lsgan-mnist --config RUN", "is a run of ebgan-pt-mnist, not of lsgan-mnist"),
        ("train --config nowhere", "nowhere is not a run folder"),
        ("train --config no.json", "--config no.json cannot be read"),
        ("train --config bad.json", "--config bad.json is no JSON"),
        ("train --config list.json", "list.json has no recipe and arguments"),
        ("train --config unknown.json", "has settings that its recipe does not have in this Energan: <b>"),
        ("train --config typed.json", "typed.json is damaged: width is 'wide'"),
        ("train --config own.json", "own.json is a run of my_module:recipe, which is not Energan's"),
        ("train --config foreign.json", "has no signature of yours, so that /somewhere, which it names, is not read"),
        ("train --config module.json", "has no signature of yours, so that os:system, which it names, is not read"),
        ("classify --config RUN", "which `energan classify` does not train"),
        ("adapt --config RUN", "which `energan adapt` does not train"),
        ("restart", "needs a run's folder first"),
        ("restart nowhere", "nowhere is not a run folder"),
        ("restart RUN --from 5", "there is no checkpoint 5"),
        ("restart RUN --width 8", "does not fit these settings"),
        ("restart RUN --out RUN", "is there already and not empty"),
        ("restart RUN --lr -1", "--lr must be"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    run: Path, capsys: pytest.CaptureFixture[str], told: str, expected: str
) -> None:
    record = json.loads((run / "run.json").read_text())
    Path("bad.json").write_text("{")
    Path("list.json").write_text("[]")
    for name, change in {
        "unknown": {"<b>": 1}, "typed": {"width": "wide"}, "foreign": {"data": "/somewhere"},
    }.items():  # fmt: skip
        file = {**record, "arguments": record["arguments"] | change}
        Path(f"{name}.json").write_text(json.dumps(file | ({"signature": ""} if name == "foreign" else {})))
    described = {**record, "recipe": "dgn-am-mnist", "arguments": {"data": "digits", "module": "os:system"}}
    Path("module.json").write_text(json.dumps(described | {"signature": ""}))
    Path("own.json").write_text(json.dumps({**record, "recipe": "my_module:recipe"}))
    before = sorted(Path().rglob("*"))
    assert main([str(run) if word == "RUN" else word for word in shlex.split(told)]) == 2
    assert expected in sentence(capsys)
    assert sorted(Path().rglob("*")) == before


def test_an_unsigned_config_reads_what_the_line_names(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    file = {**record, "arguments": record["arguments"] | {"data": "/somewhere"}, "signature": ""}
    Path("foreign.json").write_text(json.dumps(file))
    assert main(["train", "--config", "foreign.json", "--data", "digits", *SHORT, "--out", "new"]) == 0


def test_classify_and_adapt_take_a_config_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--size", "8", "--batch", "20", "--steps", "2", "--quiet"]
    assert main(["classify", "--data", "digits", "--labels", "30", "--system", "ebgan-ln", *flags, "--out", "a"]) == 0
    assert main(["classify", "--config", "a", "--seed", "3", "--out", "b"]) == 0
    assert "settings of a, but for seed 3 (there 0)" in capsys.readouterr().out
    a, b = (RunFolder(name).record for name in "ab")
    assert a["recipe"] == b["recipe"] and a["arguments"] | {"seed": 3} == b["arguments"]
    of = ["--source", "digits", "--target", "digits", "--system", "adda", "--size", "16", "--channels", "1"]
    assert main(["adapt", *of, "--batch", "8", "--steps", "1", "--quiet", "--out", "c"]) == 0
    assert main(["adapt", "--config", "c", "--steps", "2", "--out", "d"]) == 0
    c, d = (RunFolder(name).record for name in "cd")
    assert c["recipe"] == d["recipe"] and c["arguments"] | {"steps": 2} == d["arguments"]


# ------------------------------------------------------------------------------------------------ restart


def test_restart_begins_with_the_weights_and_another_rate(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["restart", str(run), "--from", "6", "--lr", "0.0001", *SHORT, "--out", "new"]) == 0
    assert "but for lr 0.0001 (there 0.001)" in capsys.readouterr().out
    old, new = (read_checkpoint(RunFolder(f).checkpoint(s)).state for f, s in ((run, 6), ("new", 0)))
    assert int(new["t"]) == int(new["draws"]) == 0
    for player, weights in old["weights"].items():
        assert all(torch.equal(new["weights"][player][name], w) for name, w in weights.items())
    assert all(torch.equal(new["ema"]["G"][name], w) for name, w in old["ema"]["G"].items())
    assert not any(bool(m.any()) for m in new["moments"]["D"]["m"].values())
    assert not torch.equal(new["generator"], old["generator"])
    record = RunFolder("new").record
    assert record["restarted_from"] == {"run": str(run), "checkpoint": "000006", "step": 6}
    assert record["seed"] == 1 and record["status"] | {"state": "finished", "step": 4} == record["status"]
    assert "It began with the weights of" in Path("new/report.html").read_text()
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files  # the other stays


def test_resume_goes_on_with_what_was_restarted(run: Path, tmp_path: Path) -> None:
    told = ["restart", str(run), "--save-every", "2", "--quiet", "--decay", "0", "--out"]
    assert main([*told, "whole", "--steps", "6"]) == 0
    assert main([*told, "cut", "--steps", "4"]) == 0
    assert main(["resume", "cut", "--steps", "6", "--quiet"]) == 0
    whole, cut = (read_checkpoint(RunFolder(name).checkpoint()).state for name in ("whole", "cut"))
    assert all(torch.equal(cut["weights"]["G"][name], w) for name, w in whole["weights"]["G"].items())


def test_a_restart_that_lost_its_first_checkpoint_is_not_trained_from_nothing(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["restart", str(run), *SHORT, "--out", "new"]) == 0
    for path in Path("new/checkpoints").iterdir():
        path.unlink()
    assert main(["resume", "new", "--quiet"]) == 2
    assert "was to begin with the weights of another run, and has none" in sentence(capsys)


def test_a_restart_that_was_killed_before_its_first_checkpoint_is_not_trained_from_nothing(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("energan.commands.restart._save_first", lambda *given: (_ for _ in ()).throw(MemoryError))
        main(["restart", str(run), *SHORT, "--out", "new"])
    assert main(["resume", "new", "--quiet"]) == 2
    assert "was to begin with the weights of another run, and has none" in sentence(capsys)


def test_restart_holds_out_nothing_that_the_weights_were_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--labels", "30", "--size", "8", "--steps", "2", "--quiet", "--hold-out", "0.4", "--out", "cl"]
    assert main(["classify", "--data", "digits", *flags]) == 0
    for flag, value, there in (("hold-out", "0.5", "0.4"), ("label-seed", "5", "0"), ("labels", "40", "30")):
        capsys.readouterr()
        assert main(["restart", "cl", f"--{flag}", value, "--out", "new"]) == 2
        said = sentence(capsys)
        assert f"--{flag} says what is held out" in said and f"leave it at {there}, or train a new run" in said
    assert not Path("new").exists()
    assert main(["restart", "cl", "--hold-out", "0", "--labels", "40", "--quiet", "--out", "none-held"]) == 0
    assert "may be among" not in capsys.readouterr().err
    assert main(["restart", "cl", "--test", "digits", "--quiet", "--out", "other"]) == 0
    assert "other --test than of cl: what is held out now may be among" in capsys.readouterr().err


def test_restart_calibrates_on_nothing_that_the_weights_were_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--width", "4", "--size", "32", "--steps", "2", "--quiet", "--calibration", "0.2", "--out", "normal"]
    assert main(["train", "autoencoder", "--data", "digits", *flags]) == 0
    capsys.readouterr()
    assert main(["restart", "normal", "--calibration", "0.5", "--out", "new"]) == 2
    assert "--calibration says what is held out" in sentence(capsys) and not Path("new").exists()
