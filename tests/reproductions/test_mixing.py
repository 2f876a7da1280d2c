"""Mixing of chains: the cells' names, its table, and a small comparison."""

from pathlib import Path

import pytest
import torch

from reproductions import mixing


def test_the_table_has_a_row_for_each_system_and_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "of_real", lambda each: 6.5)
    of = [{noise: {"accuracy": 1.0, "in a class": k, "along": noise} for noise in mixing.NOISE} for k in (2.0, 4.0)]
    lines = mixing.tell({"PPGN-h": of}, 10).splitlines()
    assert lines[0] == "| system | seeds | noise | accuracy | in a class | along |"
    assert lines[2:5] == [
        "| PPGN-h | 2 | 0 | 1 ± 0 | 3 ± 1.4 | 0 ± 0 |",
        "| PPGN-h | 2 | 0.05 | 1 ± 0 | 3 ± 1.4 | 0.05 ± 0 |",
        "| PPGN-h | 2 | 0.2 | 1 ± 0 | 3 ± 1.4 | 0.2 ± 0 |",
    ]
    assert lines[-1] == "Two real digits of one class: 6.5."


def test_noise_is_in_units_of_the_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from small_runs import trained

    import energan

    model = energan.load(trained(tmp_path / "run", "latent-discriminators-mnist", steps=1, chain_steps=4))
    asked = torch.arange(10).repeat_interleave(2)
    still = mixing.chains(model, asked, 0.0)
    told: list[float] = []
    plain = mixing.chains

    def spy(*given: object) -> object:
        told.append(given[2])  # type: ignore[arg-type]
        return plain(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(mixing, "chains", spy)
    values, frames = mixing.measured(model, 2)
    scale = float(still.codes[-1].square().mean().sqrt())
    assert told == [0.0, pytest.approx(0.05 * scale), pytest.approx(0.2 * scale)]
    assert set(values) == set(mixing.NOISE) and len(frames) == 3
    assert values[0.2]["along"] != values[0.0]["along"]


def test_one_chain_of_a_class_has_no_diversity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mixing.main(["--each", "1", "--out", str(tmp_path)]) == 2
    assert "--each must be 2 or more" in capsys.readouterr().err
