"""The run folder: what is written comes back, what is damaged, newer or hostile is refused in one sentence."""

import json
import math
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from small_runs import SMALL, fingerprint, leftovers, resumed, start, trained

import energan
from energan.cli import main
from energan.recipes.catalog import RECIPES
from energan.runs.checkpoints import read_checkpoint
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.training.log import Log
from energan.utils.errors import UserError
from energan.utils.files import digest_of, read_weights, write, write_json, write_weights
from energan.utils.image_files import save_images, save_sheet


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


# ---------------------------------------------------------------------------------------------- run.json


def test_run_json_describes_the_run(run: Path) -> None:
    record = RunFolder(run).record
    assert record["format"] == 2 and record["recipe"] == "ebgan-pt-mnist"
    assert record["data"]["shape"] == [1, 32, 32] and record["data"]["n"] == 1541
    assert len(record["data"]["sha256"]) == 64 and record["data"]["skipped"] == []
    assert record["game"]["turns"] == {"D": ["min D: discriminator_loss"], "G": ["min G: generator_loss_pt"]}
    assert record["game"]["hyperparameters"] == {"margin": 16.0, "pt": 0.1}
    assert record["environment"]["torch"] == torch.__version__
    assert record["status"]["state"] == "finished" and record["status"]["step"] == 8
    for name, player in rebuild(record).game.players.items():
        count = sum(w.numel() for w in player.net.parameters())
        assert record["game"]["players"][name]["parameters"] == count


def test_a_folder_that_holds_something_is_left_alone(run: Path, tmp_path: Path) -> None:
    before = (run / "run.json").read_bytes()
    with pytest.raises(UserError, match="is there already and not empty"):
        start(run)
    assert (run / "run.json").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        start(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    start(tmp_path / "empty")  # an empty folder will do


def test_more_images_a_batch_than_there_are_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a batch of 1542 cannot be drawn from 1541 images"):
        start(tmp_path / "run", batch=1542)
    assert not (tmp_path / "run").exists()


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        record = json.loads((folder / "run.json").read_text())
        record = {k: v for k, v in {**record, **changes}.items() if v is not ...}
        (folder / "run.json").write_text(json.dumps(record))

    return edit


def described(old: str, new: str) -> Callable[[Path], object]:
    """The run's description with other words in it."""

    def edit(folder: Path) -> None:
        record = json.loads((folder / "run.json").read_text())
        edited(experiment=json.loads(json.dumps(record["experiment"]).replace(old, new)))(folder)

    return edit


def text(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "run.json").write_bytes(content)


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer": (edited(format=3), "has run folder format 3, this Energan reads up to 2: upgrade energan"),
    "no format": (edited(format=...), "damaged: it has no format number"),
    "format in words": (edited(format="one"), "damaged: it has no format number"),
    "lacks keys": (edited(recipe=..., data=...), "damaged: it lacks recipe, data"),
    "a list": (text(b"[1, 2]"), "damaged: it has no format number"),
    "half": (text(b'{"format": 1, "recipe": "ebg'), "damaged: it is no JSON"),
    "empty": (text(b""), "damaged: it is no JSON"),
    "bytes": (text(bytes(range(128, 256))), "damaged: it is no JSON"),
    "another network": (described("Generator", "Transformer"), "which this Energan does not make runs of"),
    "other arguments": (described('"width"', '"warp"'), "Generator takes no warp"),
    "steps in words": (edited(steps="eight"), "run.json is damaged: steps is 'eight'"),
    "no description": (edited(experiment=None), "experiment is None, not an object"),
    "none": (lambda folder: (folder / "run.json").unlink(), "is not a run folder: it has no run.json"),
    "a folder": (lambda folder: ((folder / "run.json").unlink(), (folder / "run.json").mkdir()), "cannot read"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_newer_run_is_refused_by_every_command(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage, expected = DAMAGED[name]
    damage(copy)
    out = tmp_path / "out"
    for command in (
        ["resume", str(copy)],
        ["sample", str(copy), "--out", str(out)],
        ["evaluate", str(copy)],
        ["score", "digits", "--run", str(copy), "--out", str(out / "x.csv")],
        ["export", str(copy), "--out", str(out)],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and said[0].startswith("energan: ") and expected in said[0], command
    assert not out.exists()


# ------------------------------------------------------------------------------------------- checkpoints


def test_checkpoints_are_found_by_step_name_and_path(run: Path) -> None:
    newest = run / "checkpoints" / "000008.safetensors"
    assert (
        RunFolder(run).checkpoint(None)
        == RunFolder(run).checkpoint(8)
        == RunFolder(run).checkpoint("8")
        == RunFolder(run).checkpoint("000008")
        == newest
    )
    assert RunFolder(run).checkpoint(newest) == RunFolder(run).checkpoint(str(newest)) == newest
    with pytest.raises(UserError, match=r"there is no checkpoint best; .* has 000003, 000006, 000008"):
        RunFolder(run).checkpoint("best")


def test_files_that_are_no_checkpoints_are_not_taken_for_one(copy: Path) -> None:
    for name in ("9old.safetensors", ".000009-x.safetensors", "000009.safetensors.part", "notes.txt"):
        (copy / "checkpoints" / name).write_text("no checkpoint")
    assert RunFolder(copy).checkpoint().stem == "000008"


def test_a_run_without_checkpoints_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(tmp_path / "run")
    assert main(["sample", str(tmp_path / "run")]) == 2
    assert "has no checkpoint yet" in capsys.readouterr().err


def test_a_checkpoint_by_another_step_s_name_is_refused(copy: Path) -> None:
    """It would be taken for the newest for ever, and the steps after it be dropped."""
    newest = RunFolder(copy).checkpoint()
    newest.rename(newest.with_name("000099.safetensors"))
    for use in (lambda: energan.load(copy), lambda: energan.load(copy, checkpoint=99), lambda: resumed(copy, 100)):
        with pytest.raises(UserError, match=f"but of step {int(newest.stem)}: call it {newest.name} again"):
            use()
    (copy / "checkpoints" / "000099.safetensors").rename(newest)
    assert energan.load(copy).sample(1).shape[0] == 1


def test_a_run_whose_checkpoints_are_gone_is_not_trained_anew(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints")
    before = (copy / "log.jsonl").read_bytes()
    with pytest.raises(UserError, match=r"was trained to step \d+, but has no checkpoint any more"):
        resumed(copy)
    assert (copy / "log.jsonl").read_bytes() == before
    edited(status={"state": "running", "step": 0, "seconds": 0.0, "message": ""})(copy)  # killed
    with pytest.raises(UserError, match="has no checkpoint any more"):
        resumed(copy)
    first = [line for line in before.splitlines(keepends=True) if json.loads(line)["step"] <= 1]
    (copy / "log.jsonl").write_bytes(b"".join(first))  # killed before its first checkpoint
    assert resumed(copy) == "finished"


def test_the_best_checkpoint_outlives_a_lost_log(copy: Path) -> None:
    folder, best = RunFolder(copy), copy / "checkpoints" / "best.safetensors"
    tensors, about = read_weights(folder.checkpoint())
    write_weights(best, tensors, {"step": about["step"], "distance": "1.5"})
    step = int(about["step"])
    assert folder.best_distance(step) == 1.5
    assert folder.best_distance(step - 1) == math.inf  # of a step that is played again
    (copy / "log.jsonl").unlink()
    experiment = rebuild(folder.record)
    with Log(folder, experiment, step, quiet=True) as log:
        assert log.best == 1.5
    best.write_bytes(best.read_bytes()[:-1])
    assert folder.best_distance(step) == math.inf


def test_a_device_of_torch_a_name_of_one_module_and_a_name_that_no_file_has(copy: Path) -> None:
    assert energan.load(copy, device=torch.device("cpu")).device.type == "cpu"
    with pytest.raises(UserError, match=r"^device None must be"):
        energan.load(copy, device=None)
    with pytest.raises(UserError, match=r"^trust 'os' must be a tuple"):
        energan.load(copy, trust="os")
    with pytest.raises(UserError, match="is not a run folder"):
        energan.load("a\0b")


def pickled(path: Path) -> None:
    """A torch file whose pickle would create a file beside it when opened."""

    class Hostile:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (path.with_name("run by the pickle"),)  # type: ignore[return-value]

    torch.save({"weights": torch.zeros(2), "x": Hostile()}, path)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "torch.save": (pickled, "pickled file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "pickled file"),
    "empty": (lambda path: path.write_bytes(b""), "damaged or no safetensors file"),
    "text": (lambda path: path.write_text("weights, honestly"), "damaged or no safetensors file"),
    "a header that claims too much": (lambda path: path.write_bytes(b"\xff" * 7 + b"\x7f" + b"{}"), "damaged"),
    "other weights": (lambda path: save_file({"a": torch.zeros(2)}, path), "holds weights but is no checkpoint"),
    "half a state": (lambda path: save_file({"state/t": torch.zeros(())}, path), "does not fit this run"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_checkpoints_are_refused(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, expected = HOSTILE[name]
    offered = tmp_path / "offered.pt"
    make(offered)
    assert main(["sample", str(copy), "--checkpoint", str(offered), "--out", str(tmp_path / "x.png")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and expected in said[0]
    shutil.copy(offered, RunFolder(copy).checkpoint())
    assert main(["resume", str(copy), "--steps", "9", "--quiet"]) == 2
    assert expected in capsys.readouterr().err.strip().splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "offered.pt"}  # nothing written, nothing run


def test_truncated_and_scrambled_checkpoints_never_end_in_a_traceback(copy: Path, tmp_path: Path) -> None:
    whole = RunFolder(copy).checkpoint().read_bytes()
    chance = random.Random(0)
    broken = [whole[:n] for n in (1, 7, 8, 9, 100, 2000, len(whole) // 2, len(whole) - 1)]
    broken += [chance.randbytes(n) for n in (1, 8, 100, 5000)]
    header = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(40):
        scrambled = bytearray(whole)
        scrambled[chance.randrange(header)] = chance.randrange(256)
        broken.append(bytes(scrambled))
    refused = 0
    for content in broken:
        RunFolder(copy).checkpoint().write_bytes(content)
        try:
            energan.load(copy)  # a changed letter of a metadata value does no harm
        except UserError:
            refused += 1
    assert refused > len(broken) // 2
    for content in broken[:12]:
        RunFolder(copy).checkpoint().write_bytes(content)
        with pytest.raises(UserError, match=r"000008\.safetensors"):
            energan.load(copy)


def test_a_checkpoint_is_the_state_and_the_standing_statistics(run: Path) -> None:
    tensors, about = read_weights(RunFolder(run).checkpoint())
    assert about.pop("sha256") == digest_of(tensors, about) and about == {"format": "2", "step": "8"}
    assert {name.split("/")[0] for name in tensors} == {"state", "standing"}
    state, statistics, step, slim, unread = read_checkpoint(RunFolder(run).checkpoint())
    assert (
        step == 8
        and not slim
        and not unread
        and set(state) == {"weights", "moments", "ema", "hyperparameters", "generator", "t", "draws"}
    )
    assert int(state["t"]) == 8 and int(state["draws"]) == 16 and set(state["weights"]) == {"G", "D"}
    assert any(name.startswith("G/") for name in statistics)
    one = fingerprint(RunFolder(run).checkpoint())
    assert one != fingerprint(run / "checkpoints" / "000006.safetensors")


# ------------------------------------------------------------------------------------------ load and use


def test_a_loaded_run_samples_and_scores(run: Path) -> None:
    model = energan.load(run)
    images = model.sample(20, seed=3)
    assert images.dtype == torch.uint8 and images.shape == (20, 1, 32, 32)
    assert torch.equal(energan.load(str(run)).sample(20, seed=3), images)  # the same seed, the same images
    assert torch.equal(model.sample(300, seed=3)[:20], images)  # a larger n continues them
    assert not torch.equal(model.sample(20, seed=4), images)
    energies = model.score(images)
    assert energies.shape == (20,) and energies.dtype == torch.float32 and bool((energies > 0).all())
    assert not model.generator.training and not model.energy.training
    assert not any(w.requires_grad for w in model.generator.parameters())


@pytest.mark.parametrize(
    "recipe", [each for each in SMALL if each != "ebgan-pt-256"]
)  # the networks of ebgan-pt-128, with a layer more
def test_nothing_depends_on_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, generator: torch.Generator
) -> None:
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    model = energan.load(trained(tmp_path / "run", recipe, steps=1))
    if model.game.sample is not None:
        z = model.noise(5, generator)
        together = model.generator(*z)
        alone = torch.cat([model.generator(*[part[i : i + 1] for part in z]) for i in range(5)])
        assert together.std() > 0
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    x = torch.rand(5, *RunFolder(tmp_path / "run").record["data"]["shape"]) * 2 - 1
    for reading, name in ((model.game.energy, "energy"), (model.game.logits, "classifier")):
        if reading is not None:
            read = getattr(model, name)
            alone = torch.cat([read(x[i : i + 1]) for i in range(5)])
            torch.testing.assert_close(alone, read(x), rtol=1e-4, atol=1e-4)


def test_the_averaged_generator_is_what_samples(run: Path) -> None:
    state = read_checkpoint(RunFolder(run).checkpoint()).state
    weights = energan.load(run).nets["G"].state_dict()
    for name, averaged in state["ema"]["G"].items():
        assert torch.equal(weights[name], averaged)
    assert any(not torch.equal(state["weights"]["G"][k], v) for k, v in state["ema"]["G"].items())


# ------------------------------------------------------------------------------------------------- files


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json(path, {"a": 1})

    def fail(p: Path) -> None:
        p.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"cannot write .*kept\.json: no space left on device"):
        write(path, fail)
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, float("nan"))
    assert json.loads(path.read_text()) == {"a": 1} and not leftovers(tmp_path)


def test_weights_of_any_header_length_are_read(tmp_path):
    """The file's first byte is its header's length modulo 256: of some, that of a pickle."""
    first = set()
    for n in range(40):
        path = write_weights(tmp_path / "w.safetensors", {"x": torch.ones(2)}, {"note": "a" * 8 * n})
        first.add(path.read_bytes()[0])
        assert read_weights(path)[1]["note"] == "a" * 8 * n
    assert 0x80 in first


def test_weights_come_back_in_any_memory_layout(tmp_path: Path) -> None:
    x = torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last)
    write_weights(tmp_path / "w.safetensors", {"x": x, "view": x[:, 0], "same": x}, {"a": "b"})
    tensors, about = read_weights(tmp_path / "w.safetensors")
    assert about["a"] == "b"
    assert torch.equal(tensors["x"], x) and torch.equal(tensors["view"], x[:, 0]) and torch.equal(tensors["same"], x)


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    """A temporary file is private; what it becomes follows the umask."""
    write_json(tmp_path / "a", 1)
    (tmp_path / "b").write_text("1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("c", [1, 3])
def test_a_sheet_shows_every_image_in_its_place(tmp_path: Path, c: int) -> None:
    images = torch.randint(0, 256, (7, c, 5, 4), dtype=torch.uint8)
    with Image.open(save_sheet(images, tmp_path / "sheet.png")) as sheet:
        pixels = torch.from_numpy(np.asarray(sheet).copy())
    pixels = pixels[None] if c == 1 else pixels.permute(2, 0, 1)
    assert pixels.shape == (c, 3 * 6 - 1, 3 * 5 - 1)
    for i, image in enumerate(images):
        top, left = 6 * (i // 3), 5 * (i % 3)
        assert torch.equal(pixels[:, top : top + 5, left : left + 4], image)
    assert bool((pixels[:, 5] == 128).all())  # the gap


def test_images_are_saved_by_the_name_s_ending(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (3, 3, 8, 6), dtype=torch.uint8)
    with np.load(save_images(images, tmp_path / "x.npz")) as arrays:
        assert arrays.files == ["images"] and arrays["images"].dtype == np.uint8
        assert np.array_equal(arrays["images"], images.numpy())
    folder = save_images(images, tmp_path / "folder")
    assert sorted(p.name for p in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    with Image.open(folder / "00002.png") as image:
        assert np.array_equal(np.asarray(image).transpose(2, 0, 1), images[2].numpy())
    with pytest.raises(UserError, match=r"images go to a \.png"):
        save_images(images, tmp_path / "x.jpeg")


def test_no_folder_has_images_of_two_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    (tmp_path / "empty").mkdir()
    assert len([*save_images(images, tmp_path / "empty").iterdir()]) == 3
    with pytest.raises(UserError, match=r"out .*empty is there already and not empty: choose another, or delete it"):
        save_images(images[:1], tmp_path / "empty")
    monkeypatch.setattr("PIL.Image.Image.save", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_images(images, tmp_path / "stopped")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_every_recipe_has_small_arguments_here() -> None:
    assert set(SMALL) == set(RECIPES)


def test_a_folder_of_a_run_that_was_killed_at_once_is_free(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run-0a1b2c3d.tmp.json").write_text("{")
    start(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]
