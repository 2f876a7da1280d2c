"""The paper's grid: which models are drawn, what is said of them, and a small one, played."""

from pathlib import Path

import numpy as np
import pytest

from reproductions.grid.__main__ import main
from reproductions.grid.claim import Claim, Scores, claim, layers, optimised, scores, shares, table
from reproductions.grid.table1 import EBGAN, GAN, Drawn, configuration, size


def test_a_sample_of_all_is_table_1_each_model_once() -> None:
    drawn = Drawn(6144)
    settings = [drawn.setting(i) for i in range(len(drawn))]
    assert len(settings) == 6656
    for system, grid in (("ebgan", EBGAN), ("gan", GAN)):
        names = [name for name in grid if name not in ("margin", "pt")]
        want = {tuple(configuration(grid, i)[name] for name in names) for i in range(size(grid))}
        found = [tuple(each[name] for name in names) for each in settings if each["system"] == system]
        assert len(found) == size(grid)
        assert set(found) == want


def test_a_sample_is_half_ebgans_and_its_gans_are_spread_over_the_optimisers() -> None:
    small, large = Drawn(24), Drawn(100)
    settings = [small.setting(i) for i in range(len(small))]
    assert settings == [large.setting(i) for i in range(48)]
    assert settings != [Drawn(24, draw_seed=1).setting(i) for i in range(48)]
    gans = [each for each in settings if each["system"] == "gan"]
    assert len(gans) == 24
    for turn in (gans[:12], gans[12:]):
        assert len({(each["optim_d"], each["optim_g"], each["lr"]) for each in turn}) == 12
    assert [Drawn(3, narrow=8).setting(i)["size_g"] * 8 for i in range(6)] == [s["size_g"] for s in settings[:6]]


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags, sentence in (
        (["--sample", "6145"], "--sample is 1 to 6,144 of each system, got 6,145"),
        (["--sample", "2", "--narrow", "3"], "--narrow must divide 128, the narrowest nets' size, got 3"),
        (["--longer", "3"], "is no sweep"),
    ):
        assert main([*flags, "--out", str(tmp_path / "none")]) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "none").exists()


def row(system: str, score: float | None, state: str = "finished", **setting: object) -> dict[str, object]:
    default = {"layers_g": 2, "layers_d": 2, "optim_d": "adam", "optim_g": "adam", "lr": 1e-3}
    metrics = {} if score is None else {"MNIST-I": score}
    return {"state": state, "metrics": metrics, "setting": {"system": system, **default, **setting}}


def test_the_claim_by_hand() -> None:
    rows = [row("ebgan", 9), row("ebgan", 5, layers_g=5), row("gan", 5), row("gan", 3, optim_d="sgd", layers_d=4)]
    rows += [row("gan", None, "diverged"), row("gan", 7, "failed"), row("gan", 7, "refused")]
    made = claim(scores(rows))
    assert made is not None
    # of 6 pairs, an EBGAN is better in 5 and as good in one
    assert (made.n, made.medians, made.better) == ((2, 3), (7, 3), 5.5 / 6)
    assert made.above == ((1, 2 / 3), (1, 1 / 3), (0.5, 0), (0.5, 0))
    assert [len(each) for each in scores(rows, layers(4))] == [1, 3]
    assert [len(each) for each in scores(rows, layers(3))] == [1, 2]
    assert [list(each) for each in scores(rows, optimised("sgd", "adam", 1e-3))] == [[9, 5], [3]]
    assert claim(scores(rows, optimised("sgd", "sgd", 1e-3))) is None
    assert "| D sgd, G adam, 0.001 | 2 | 1 | 7.00 | 3.00 |" in table(rows)


def test_the_test_is_mann_and_whitneys() -> None:
    better, worse = np.arange(20) + 0.5, np.arange(20) - 19.5
    made = claim(Scores(better, worse))
    assert isinstance(made, Claim)
    assert made.better == 1
    assert made.p < 1e-7
    same = claim(Scores(better, better))
    assert same is not None
    assert (same.better, same.p) == (0.5, pytest.approx(1, abs=0.02))


def test_shares_add_up_and_their_band_narrows() -> None:
    edges = (0.0, 5.0, 10.0)
    few, (low, high) = shares(np.array([1.0, 1.0, 7.0, 11.0]), edges)
    assert few.tolist() == [50, 50]
    _, (least, most) = shares(np.array([1.0, 7.0] * 1000), edges)
    assert (low < least).all()
    assert (most < high).all()


def test_a_small_grid_played_stopped_and_grown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "grid"
    small = ["--data", "digits", "--narrow", "64", "--steps", "2", "--batch", "8", "--z", "4", "--n", "32"]
    told = [*small, "--device", "cpu", "--out", str(out)]
    assert main(["--sample", "1", *told]) == 0
    first = (out / "results.jsonl").read_text()
    assert main(["--sample", "2", *told, "--longer", "3"]) == 0
    assert (out / "results.jsonl").read_text().startswith(first)
    assert {path.name for path in out.iterdir()} >= {"table.md", "figure2.png", "figure3.png", "sheets", "longer"}
    assert "4 models of 2 steps of 8 images, sizes divided by 64" in (out / "table.md").read_text()
    assert {path.name for path in (out / "longer").iterdir()} <= {"gan", "ebgan", "ebgan-pt"}
    capsys.readouterr()
    assert main(["--out", str(out)]) == 0  # what is there, without playing
    assert "| all | 2 | 2 |" in capsys.readouterr().out
