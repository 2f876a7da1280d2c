"""What makes the zoo's models of runs: what is left out, what is halved, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from small_runs import trained

import energan
from energan.runs.checkpoints import SHARED, read_checkpoint
from energan.runs.folder import RunFolder
from energan.runs.sharing.model_folder import write_model
from energan.utils.errors import UserError
from energan.utils.files import read_weights
from models import make
from models.lean import halved, make_lean, unread_parameters


@pytest.fixture(autouse=True)
def no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")


def packed(run: Path, folder: Path) -> Path:
    folder.mkdir()
    write_model(RunFolder(run), folder, "zoo:small")
    return folder


def test_matrices_become_16_bits_and_averages_take_their_place(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", steps=4, ema=0.9)
    folder = packed(run, tmp_path / "model")
    before, size = energan.load(folder), (folder / SHARED).stat().st_size
    assert make_lean(folder) == []
    flat, _ = read_weights(folder / SHARED)
    assert all(v.dtype == (torch.float16 if v.dim() > 1 else torch.float32) for k, v in flat.items() if "weights" in k)
    assert not any(k.startswith(("state/ema/", "standing/")) for k in flat)
    assert (folder / SHARED).stat().st_size < size / 2
    after = energan.load(folder)
    for name, net in before.nets.items():
        for k, value in net.state_dict().items():
            assert torch.equal(after.nets[name].state_dict()[k], halved(value).float()), k
    assert all(v.dtype != torch.float16 for v in read_checkpoint(folder / SHARED).state["weights"]["G"].values())
    images = [model.sample(8, seed=1).float() for model in (before, after)]
    assert float((images[0] - images[1]).abs().max()) <= 2


def test_a_ladder_leaves_its_decoder_out_and_classifies_as_before(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", recipe="ladder-mnist", steps=4)
    folder = packed(run, tmp_path / "model")
    before = energan.load(folder)
    unread = make_lean(folder)
    kept = {k.removeprefix("state/weights/") for k in read_weights(folder / SHARED)[0]}
    assert unread and not kept & set(unread)
    assert {name.split("/")[1].split(".")[0] for name in unread} == {"down", "combinators"}
    x = torch.randint(256, (5, 1, 8, 8)).byte()
    assert torch.allclose(energan.load(folder).probabilities(x), before.probabilities(x), atol=1e-2)


def test_what_is_missing_and_not_called_unread_is_damage(tmp_path: Path) -> None:
    from energan.utils.files import DIGEST, write_weights

    folder = packed(trained(tmp_path / "run", recipe="ladder-mnist", steps=4), tmp_path / "model")
    make_lean(folder)
    flat, about = read_weights(folder / SHARED)
    for unread in ("[]", "{", "3", '[["D/down.0.weight"]]'):
        write_weights(folder / SHARED, flat, {**{k: v for k, v in about.items() if k != DIGEST}, "unread": unread})
        with pytest.raises(UserError, match="does not fit this run"):
            energan.load(folder)


def test_every_parameter_that_a_readout_reads_is_kept(tmp_path: Path) -> None:
    assert unread_parameters(energan.load(trained(tmp_path / "run", steps=4))) == set()


def test_numbers_that_16_bits_do_not_reach_stay() -> None:
    assert halved(torch.full((2, 2), 1e5)).dtype == torch.float32
    assert halved(torch.zeros(3)).dtype == torch.float32 and halved(torch.zeros(2, 3)).dtype == torch.float16
    assert halved(torch.zeros(2, 3, dtype=torch.int64)).dtype == torch.int64


def test_a_run_of_another_command_and_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "package"
    monkeypatch.setattr(make, "PACKAGE", package)
    monkeypatch.setattr(make, "HERE", tmp_path)
    (tmp_path / "README.md").write_text("a\n<!-- made by models/make.py -->\n<!-- end -->\nb")
    monkeypatch.setattr(make, "ZOO", {"small": make.Entry("a small one", "train it", ("--n", "4"))})
    run = trained(tmp_path / "runs" / "small", steps=4)
    assert make.make(tmp_path / "runs") == 0  # it has no evaluation.json yet
    assert "is not finished" in capsys.readouterr().out
    (run / "evaluation.json").write_text('{"step": 4}')
    RunFolder(run).update(command="energan train other --out x")
    with pytest.raises(UserError, match="was made by `energan train other`"):
        make.make(tmp_path / "runs")
    assert not list(package.glob("*small*"))
    RunFolder(run).update(command="energan train it --out x")
    assert make.make(tmp_path / "runs") == 0
    index = json.loads((package / "zoo.json").read_text())
    assert index["models"]["small"]["command"] == "energan train it"
    assert "| `zoo:small` | a small one |" in (tmp_path / "README.md").read_text()
    with pytest.raises(UserError, match="there is no model 'large'"):
        make.make(tmp_path / "runs", only=("large",))
