"""The league: its rows, its page, and a small training, played and gone on with."""

import json
from pathlib import Path

import pytest

from energan.recipes.build import find_recipe
from energan.utils.arguments import parameters
from reproductions.league import __main__ as league
from reproductions.league.cell import Cell
from reproductions.league.entries import COSTS, ENTRIES, Cost, Entry, steps_of
from reproductions.league.table import BEGIN, COLUMNS, END, PAGE, RESULTS, latest, page, pictures, read, table


def row(system: str, fid: float, seed: int = 0, data: str = "mnist", **more: float) -> dict[str, object]:
    picture = f"{system.lower()}-{data}-{seed}.png"
    return {"system": system, "data": data, "seed": seed, "steps": 7100, "FID": fid, "picture": picture, **more}


def test_the_page_says_what_the_results_say() -> None:
    text = PAGE.read_text()
    assert page(text, read(RESULTS)) == text
    for each in read(RESULTS):
        assert (PAGE.parent / "results" / "league" / each["picture"]).is_file()


def test_every_entry_can_be_built_and_has_its_steps() -> None:
    for name, entry in ENTRIES.items():
        known = parameters(find_recipe(entry.recipe))
        assert set(entry.arguments(entry.data[0], 0, 4)) <= set(known) | {"data"}, name
        assert set(entry.data) <= set(COLUMNS)
    assert set(COSTS) == set(ENTRIES)
    assert len({Cell(name, "mnist", 0).folder for name in ENTRIES}) == len(ENTRIES)


def test_rows_of_the_league_have_its_steps() -> None:
    for each in read(RESULTS):
        assert each["steps"] == steps_of(each["system"]), each["system"]
        assert "trial" not in each and "toy" not in each


def test_the_best_come_first_and_the_last_row_of_a_seed_counts() -> None:
    rows = [row("LSGAN", 9, IS=5.0), row("EBGAN", 4, 0), row("EBGAN", 6, 1), row("LSGAN", 2, IS=7.0)]
    assert len(latest(rows)) == 3
    lines = table(rows, "mnist").splitlines()
    assert lines[0].startswith("| system | recipe | seeds | steps | MNIST-FID | IS |")
    assert lines[2].startswith("| LSGAN | `lsgan-mnist` | 1 | 7,100 | 2 | 7 | – |")
    assert lines[2].endswith("| 1,173 | 355 |")
    assert lines[3].startswith("| EBGAN | `ebgan-pt-mnist --batch 64 --pt 0.0` | 2 | 7,100 | 5 ± 1.4 | – |")


def test_pictures_are_of_the_least_seed_in_the_order_of_the_table() -> None:
    lines = pictures([row("EBGAN", 6, 1), row("EBGAN", 4, 0), row("LSGAN", 2)], "mnist").splitlines()
    assert "(results/league/lsgan-mnist-0.png)" in lines[2] and "(results/league/ebgan-mnist-0.png)" in lines[3]
    assert len(lines) == 4


def test_a_page_keeps_what_is_around_its_tables() -> None:
    before = f"# A\n\n{BEGIN}\nold\n{END}\n\nlast\n"
    after = page(before, [row("LSGAN", 9)])
    assert after.startswith("# A\n\n") and after.endswith("\n\nlast\n") and "old" not in after
    assert "## mnist" in after and "## emoji-noto" not in after
    assert page(after, [row("LSGAN", 9)]) == after


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"width": 2, "z": 2, "batch": 8, "precision": "fp32"}
    monkeypatch.setitem(ENTRIES, "LSGAN", Entry("lsgan-mnist", own, ("digits",)))
    monkeypatch.setitem(COSTS, "LSGAN", Cost(steps=2, batch=8, MiB=300))


@pytest.mark.usefixtures("small")
def test_a_training_is_played_once_and_measured(tmp_path: Path) -> None:
    assert league.main(["--cell", "LSGAN", "digits", "3", "--out", str(tmp_path)]) == 0
    path = tmp_path / "lsgan-digits-3" / "league.json"
    found = json.loads(path.read_text())
    assert (found["system"], found["seed"], found["steps"]) == ("LSGAN", 3, 2)
    assert {"FID", "IS", "I", "precision", "recall", "coverage", "digits", "nats", "machine"} <= set(found)
    assert (path.parent / "league.png").is_file()
    before = path.stat().st_mtime_ns
    assert league.main(["--only", "LSGAN", "--seeds", "3", "--out", str(tmp_path)]) == 0  # nothing is left
    assert path.stat().st_mtime_ns == before


@pytest.mark.usefixtures("small")
def test_rows_are_collected_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reproductions.league import table as made

    results, trials, text = (tmp_path / name for name in ("results.jsonl", "trials.jsonl", "league.md"))
    text.write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.setattr(league, "PICTURES", tmp_path / "shown")
    for module in (league, made):
        monkeypatch.setattr(module, "RESULTS", results)
        monkeypatch.setattr(module, "TRIALS", trials)
        monkeypatch.setattr(module, "PAGE", text)
    for name, each in {
        "a": row("LSGAN", 9),
        "b": {**row("LSGAN", 3), "trial": {"lr": 1}},
        "c": {**row("LSGAN", 1), "toy": True},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "league.json").write_text(json.dumps(each))
        (tmp_path / name / "league.png").write_bytes(b"picture")
    for _ in range(2):
        assert league.main(["--collect", "--out", str(tmp_path)]) == 0
    assert [each["FID"] for each in read(results)] == [9]
    assert [each["FID"] for each in read(trials)] == [3]
    assert "| LSGAN |" in text.read_text() and "(results/league/a.png)" in text.read_text()
    assert [path.name for path in (tmp_path / "shown").iterdir()] == ["a.png"]


@pytest.mark.usefixtures("small")
def test_a_folder_of_another_training_is_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A toy's folder, or one of settings that are others now, is not told as the league's."""
    cell = ["--cell", "LSGAN", "digits", "0", "--out", str(tmp_path)]
    assert league.main([*cell, "--steps", "1"]) == 0
    (tmp_path / "lsgan-digits-0" / "league.json").unlink()
    assert league.main(cell) == 2
    assert "holds another training (save_every is 1 there, and 1" not in (said := capsys.readouterr().err)
    assert "holds another training (steps is 1 there, and 2 is asked for)" in said
    assert not (tmp_path / "lsgan-digits-0" / "league.json").exists()


@pytest.mark.usefixtures("small")
def test_a_system_has_eight_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(8):
        (tmp_path / f"lsgan-digits-0-lr={i}").mkdir()
    assert league.main(["--try", "LSGAN", "lr=1e-3", "--out", str(tmp_path)]) == 2
    assert "LSGAN had its 8 trials" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--jobs", "0"], "--jobs must be 1 or more"),
        (["--steps", "-3"], "--steps must be 0 or more"),
        (["--data", "nonsense"], "--data 'nonsense' is none of these systems' images: mnist, fashion-mnist"),
        (["--cell", "LSGAN", "mnist", "x"], "a --cell has a whole number as its seed, got 'x'"),
        (["--try", "LSGAN", "foo=1"], "a trial of LSGAN is KEY=VALUE, and lsgan-mnist has no 'foo'"),
        (["--try", "LSGAN", "nonsense"], "lsgan-mnist has no 'nonsense'"),
    ],
)
def test_bad_flags_are_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert league.main([*flags, "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert league.main(["--only", "LSGANs", "--out", str(tmp_path)]) == 2
    assert "the league has no 'LSGANs'; there are EBGAN-PT, EBGAN" in capsys.readouterr().err
    assert league.main(["--cell", "nobody", "mnist", "0", "--out", str(tmp_path)]) == 2
    capsys.readouterr()
