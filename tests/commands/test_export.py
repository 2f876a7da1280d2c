"""Export: what is written gives, loaded elsewhere, what the run gives."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import small_conditional
import torch
from safetensors.torch import load_file
from small_runs import sentence, trained
from torch import nn

import energan
from energan.cli import main
from energan.commands.export import export
from energan.games.conditional.conditional import conditional
from energan.games.gan.wgan_gp import wgan_gp
from energan.inference.guided import latent_maps
from energan.inference.model import Model
from energan.inference.modules import EnergyModule, GeneratorModule, generator_of_what_it_reads
from energan.inference.onnx import write_onnx
from energan.networks.dense import mlp
from energan.networks.layers import spectral_norm
from energan.networks.layers.condition import Joined, Planes
from energan.recipes.build import build
from energan.runs.folder import RunFolder
from energan.training import loop
from energan.utils.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("export") / "run", steps=4)


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "export"
    assert main(["export", str(run), "--out", str(out), "--onnx"]) == 0
    return out


def inputs(model: Model, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    z = model.noise(n, torch.Generator().manual_seed(5))[0]
    return z, torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(6)) * 2 - 1


def test_the_weights_and_the_json_are_the_model(run: Path, exported: Path) -> None:
    model = energan.load(run)
    described = json.loads((exported / "model.json").read_text())
    game = build(described["recipe"], **described["arguments"]).game
    nets = {name: player.net for name, player in game.players.items()}
    z, x = inputs(model, 3)
    for name, module, given, expected in (
        ("generator", GeneratorModule(game, nets), z, model.generator(z)),
        ("energy", EnergyModule(game, nets), x, model.energy(x)),
    ):
        found = module.load_state_dict(load_file(exported / f"{name}.safetensors"), strict=False)
        unused = {"generator": "nets.D.", "energy": "nets.G."}[
            name
        ]  # a file holds the nets that its part passes through
        assert not found.unexpected_keys and found.missing_keys
        assert all(k.startswith(unused) for k in found.missing_keys)
        assert torch.equal(module.eval()(given), expected)
        part = described["parts"][name]
        assert part["inputs"] == {"z" if name == "generator" else "x": list(given.shape[1:])}
        assert part["output"] == list(expected.shape[1:])


@pytest.mark.parametrize("n", [1, 2, 7])
def test_onnx_gives_the_same_for_any_batch(run: Path, exported: Path, n: int) -> None:
    import onnxruntime

    model = energan.load(run)
    for name, module, given in zip(
        ("generator", "energy"), (model.generator, model.energy), inputs(model, n), strict=True
    ):
        session = onnxruntime.InferenceSession(str(exported / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(None, {"z" if name == "generator" else "x": given.numpy()})[0]
        expected = module(given).numpy()
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_run_with_codes_gives_generator_encoder_and_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    monkeypatch.chdir(tmp_path)
    Path("net_of_codes.py").write_text(
        "from torch import nn\nfrom collections import OrderedDict as O\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(O(flat=nn.Flatten(), h=nn.Linear(784, 5), out=nn.Linear(5, 3)))\n"
    )
    arguments = {"data": "digits", "module": "net_of_codes:Net", "variant": "none", "steps": 1, "save_every": 1,
                 "batch": 4, "width": 2, "precision": "fp32", "device": "cpu"}  # fmt: skip
    made = build("latent-discriminators-mnist", **arguments)
    data = made.training_set()
    RunFolder(Path("run")).create(made, data, "latent-discriminators-mnist", arguments, "a test")
    loop.train(made, RunFolder(Path("run")), data, quiet=True)
    assert main(["export", "run", "--out", "out", "--onnx", "--trust", "net_of_codes"]) == 0
    parts = json.loads(Path("out/model.json").read_text())["parts"]
    assert list(parts) == ["generator", "encoder", "classifier"] and parts["classifier"]["classes"] == ["0", "1", "2"]
    maps = latent_maps(energan.load("run", trust=("net_of_codes",)))
    x, h = torch.rand(3, 1, 28, 28) * 2 - 1, torch.randn(3, 5)
    for name, given, expected in (
        ("generator", h, maps.decode(h)), ("encoder", x, maps.encode(x)), ("classifier", x, maps.logits(x)),
    ):  # fmt: skip
        assert parts[name]["inputs"] == {"h" if name == "generator" else "x": list(given.shape[1:])}
        assert parts[name]["output"] == list(expected.shape[1:])
        session = onnxruntime.InferenceSession(f"out/{name}.onnx", providers=["CPUExecutionProvider"])
        found = session.run(None, {session.get_inputs()[0].name: given.numpy()})[0]
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
    whose = {name: {k.split(".")[1] for k in load_file(f"out/{name}.safetensors")} for name in parts}
    assert whose == {"generator": {"G"}, "encoder": {"E"}, "classifier": {"E"}}


def test_the_difference_is_recorded(exported: Path) -> None:
    parts = json.loads((exported / "model.json").read_text())["parts"]
    assert set(parts) == {"generator", "energy"}
    assert all(0 <= part["largest difference"][0] < 1e-3 for part in parts.values())


def test_weights_of_16_bits_take_half_the_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnx
    import onnxruntime

    G = mlp.Generator(5, (1, 8, 8), layers=3, size=96).eval().requires_grad_(False)
    with torch.no_grad():
        G.net[-2].weight[0, 0] = 1e5  # 16 bits do not reach it: this tensor stays
    z = torch.randn(4, 5)
    for name, half in (("whole", False), ("half", True)):
        assert write_onnx(G, {"z": z}, tmp_path / f"{name}.onnx", half=half) < 1e-2
    kinds = {w.name: w.data_type for w in onnx.load(str(tmp_path / "half.onnx")).graph.initializer}
    assert sorted(kinds.values()).count(onnx.TensorProto.FLOAT16) == 2
    session = onnxruntime.InferenceSession(tmp_path / "half.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == session.get_outputs()[0].type == "tensor(float)"
    assert main(["export", "nowhere", "--half"]) == 2
    assert sentence(capsys) == "energan: --half is of .onnx files: add --onnx"


def test_the_distribution_of_the_noise_is_told(exported: Path) -> None:
    parts = json.loads((exported / "model.json").read_text())["parts"]
    assert parts["generator"]["noise"] == {"z": {"kind": "normal", "mean": 0.0, "deviation": 1.0}}


def test_an_older_checkpoint_is_exported_as_it_was(run: Path, tmp_path: Path) -> None:
    export(str(run), out=str(tmp_path / "a"), checkpoint="3")
    export(str(run), out=str(tmp_path / "b"))
    a, b = (load_file(tmp_path / name / "generator.safetensors") for name in "ab")
    assert a.keys() == b.keys() and any(not torch.equal(a[k], b[k]) for k in a)
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "energy.safetensors", "generator.safetensors", "model.json",
    ]  # fmt: skip


def test_onnx_without_its_extra_is_one_sentence(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for missing in ("onnxruntime", "onnxscript"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            assert main(["export", str(run), "--out", str(tmp_path / missing), "--onnx"]) == 2
        assert sentence(capsys) == "energan: ONNX needs the extra: pip install 'energan[export]'"


def test_an_onnx_file_that_is_off_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.inference.onnx.TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"differs from the model by .*: do not use it"):
        export(str(run), out=str(tmp_path / "off"), onnx=True)
    assert not [*tmp_path.iterdir()]  # half a folder is none


def test_a_folder_that_cannot_be_written(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["export", str(run), "--out", str(tmp_path / "file")]) == 2
    assert "is there already and no folder" in sentence(capsys)
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "energy.safetensors").write_text("of another run")
    assert main(["export", str(run), "--out", str(tmp_path / "older")]) == 2
    assert "is there already and not empty: choose another, or delete it" in sentence(capsys)
    assert [path.name for path in (tmp_path / "older").iterdir()] == ["energy.safetensors"]
    assert main(["export", str(run), "--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot write" in sentence(capsys)
    assert RunFolder(run).record["status"]["state"] == "finished"


def test_a_dense_generator_takes_any_batch(tmp_path: Path) -> None:
    """len() of a tensor is a constant to the exporter: such files took as many rows as were traced."""
    import onnxruntime

    path = tmp_path / "generator.onnx"
    write_onnx(
        mlp.Generator(5, (1, 4, 4), layers=2, size=6).eval().requires_grad_(False), {"z": torch.randn(2, 5)}, path
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.run(None, {"z": np.zeros((7, 5), np.float32)})[0].shape == (7, 1, 4, 4)


def test_a_part_whose_batches_would_be_of_one_size_is_refused(tmp_path: Path) -> None:
    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(len(x), -1)

    with pytest.raises(UserError, match=r"energy.onnx would take x in batches of 2 alone"):
        write_onnx(Fixed(), {"x": torch.zeros(2, 3, 4)}, tmp_path / "energy.onnx")


def test_what_a_conditional_generator_reads_is_named_and_nothing_else_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    data = str(small_conditional.pictures(tmp_path / "mine"))
    folder = small_conditional.trained(tmp_path / "run", data=data, classes=3, critic=True)
    assert main(["export", str(folder), "--out", str(tmp_path / "out"), "--trust", "small_conditional"]) == 0
    parts = json.loads((tmp_path / "out" / "model.json").read_text())["parts"]
    assert parts["generator"]["inputs"] == {"z": [8], "c": [3]}  # not eps, which the gradient penalty draws
    assert parts["generator"]["classes"] == list(small_conditional.NAMES)
    assert parts["energy"]["inputs"] == {"x": [1, 32, 32]}
    assert energan.load(folder, trust=("small_conditional",)).generator.inputs == ("z", "eps", "c")


def test_onnx_takes_a_net_under_a_spectral_norm(tmp_path: Path) -> None:
    net = spectral_norm(nn.Sequential(nn.Conv2d(1, 2, 4, 2, 1), nn.Flatten(), nn.Linear(8, 1))).requires_grad_(False)
    assert write_onnx(net, {"x": torch.rand(2, 1, 4, 4)}, tmp_path / "critic.onnx") < 1e-4


def test_onnx_of_a_conditional_system_takes_any_batch(tmp_path: Path) -> None:
    import onnxruntime

    G = Joined(mlp.Generator(4 + 3, (1, 4, 4), layers=2, size=6), conditions=3)
    f = Planes(mlp.Discriminator((4, 4, 4), layers=2, size=6), conditions=3)
    model = Model(conditional(wgan_gp(G, f, 4), 3, ("G", "f")), {"G": G, "f": f})
    z, eps, c = model.noise(5, torch.Generator().manual_seed(1))
    x = torch.rand(5, 1, 4, 4) * 2 - 1
    generator, read = generator_of_what_it_reads(model.game, model.nets, [rows[:2] for rows in (z, eps, c)])
    assert generator.inputs == ("z", "c") and [len(rows) for rows in read] == [2, 2]
    for part, given, expected in (
        (generator, {"z": z, "c": c}, model.generator(z, eps, c)),
        (model.energy, {"x": x}, model.energy(x)),
    ):
        path = tmp_path / f"{type(part).__name__}.onnx"
        write_onnx(part, {name: rows[:2] for name, rows in given.items()}, path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found = session.run(None, {name: rows.numpy() for name, rows in given.items()})[0]
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
