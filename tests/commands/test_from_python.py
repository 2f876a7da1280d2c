"""energan.train: recipes trained from Python, on files and on datasets."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

import energan
from energan.commands.from_python import _source
from energan.data import from_dataset, load
from energan.experiment import Experiment
from energan.utils.errors import UserError

SMALL = {"steps": 2, "save_every": 2, "width": 2, "batch": 8, "quiet": True}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))


def test_a_recipe_is_trained_measured_and_reported():
    run = energan.train("ebgan-pt-mnist", data="digits", out=Path("runs/a"), margin=5, **SMALL)
    assert (run.path, run.state) == (Path("runs/a"), "finished") and (run.path / "report.html").is_file()
    assert run.model().sample(2).shape == (2, 1, 32, 32) and "MNIST-FID" in run.metrics
    record = run.record
    assert record["arguments"]["margin"] == 5 and record["arguments"]["seed"] == 0  # given, and the recipe's own
    line = "energan train ebgan-pt-mnist --steps 2 --save-every 2 --width 2 --batch 8 --quiet --data digits --margin 5"
    assert set(line.split()) <= set(record["command"].split())
    assert energan.train("ebgan-pt-mnist", data="digits", **SMALL).path == Path("runs/ebgan-pt-mnist")


def test_images_from_python_are_kept_so_that_the_run_goes_on():
    from energan.cli import main

    images = (torch.rand(30, 1, 28, 28) * 255).byte()
    labels = torch.arange(30) % 2
    parts: dict[str, Dataset] = {
        "train": TensorDataset(images[:20], labels[:20]),
        "test": TensorDataset(images[20:], labels[20:]),
    }
    run = energan.train("ebgan-pt-mnist", data=parts, out="runs/mine", **SMALL)
    (kept,) = Path("cache/datasets").iterdir()
    assert torch.equal(load(kept).images, images[:20]) and torch.equal(load(kept, "test").images, images[20:])
    assert run.record["arguments"]["data"] == str(kept.resolve())
    assert "10 images (held out)" in json.loads((run.path / "evaluation.json").read_text())["reference"]
    assert main(["resume", "runs/mine", "--steps", "3", "--quiet"]) == 0
    whole = energan.train("ebgan-pt-mnist", data=from_dataset(parts["train"], progress=False), out="runs/set", **SMALL)
    again = energan.train("ebgan-pt-mnist", data=parts["train"], out="runs/again", **SMALL)
    assert torch.equal(whole.model().sample(2), again.model().sample(2))
    assert len([*Path("cache/datasets").iterdir()]) == 2  # one content, one file


def test_other_splits_classes_or_pixels_are_another_file():
    images = load("digits", "test")
    named = images._replace(classes=tuple("abcdefghij"))
    darker = images._replace(images=images.images // 2)
    pairs = [{"train": images, split: named} for split in ("test", "validation")]
    given = [images, named, darker, {"train": images}, *pairs]
    files = [_source(data) for data in given]
    assert len(set(files)) == len(given) and [_source(data) for data in given] == files
    assert load(files[1]).classes == named.classes and torch.equal(load(files[2]).images, darker.images)
    assert len(load(files[5], "validation").images) == len(named.images)


@pytest.mark.parametrize(("settings", "words"), [
    ({"stepps": 3}, "no setting 'stepps': did you mean steps"), ({"steps": "many"}, "steps of .* cannot be 'many'"),
    ({"steps": 2.5}, "steps"), ({"steps": True}, "steps"), ({"data": "nowhere"}, "there is no nowhere"),
    ({"data": TensorDataset(torch.zeros(0, 1, 8, 8))}, "holds no images"), ({"data": {}}, "split"),
    ({"quiet": "no"}, "quiet"), ({"data": 7}, "no length"),
    ({"data": load("digits", "test")._replace(captions=(("a",),))}, "captions"),
])  # fmt: skip
def test_what_cannot_be_trained_leaves_no_folder(settings: dict, words: str):
    with pytest.raises(UserError, match=words):
        energan.train("ebgan-pt-mnist", **{"data": "digits", **settings})
    assert not Path("runs").exists()


def test_recipes_that_are_none():
    with pytest.raises(UserError, match="not one that this Energan has"):
        energan.train("no-such")

    def mine() -> Experiment:
        raise NotImplementedError

    with pytest.raises(UserError, match="in no file"):
        energan.train(mine)


def test_a_recipe_of_ones_own_from_a_file():
    Path("mine_recipe.py").write_text(
        "from energan.experiment import Experiment\n"
        "from energan.recipes.energy.ebgan import ebgan_pt_mnist\n\n\n"
        "def small(*, data: str = 'digits', steps: int = 2, seed: int = 0) -> Experiment:\n"
        "    from energan.recipes.build import build\n\n"
        "    return build('ebgan-pt-mnist', data=data, steps=steps, width=2, batch=8, save_every=2)\n"
    )
    run = energan.train("mine_recipe:small", seed=1, quiet=True)
    assert run.path == Path("runs/small") and run.record["recipe"] == "mine_recipe:small"
