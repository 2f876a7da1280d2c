"""How images of one's own are loaded and shown: crops, flips, augmentation, choices of classes; --batch auto."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import flags, pictures, sentence, start, trained

import energan
from energan.cli import main
from energan.data.batches.images import patches
from energan.data.diffaugment import Augmented
from energan.data.image_set import fixed_subset
from energan.engine import Trainer
from energan.evaluation import evaluate
from energan.experiment import Experiment
from energan.games.energy.ebgan import generator_loss
from energan.inference import snapshot
from energan.recipes.build import build
from energan.runs.folder import RunFolder
from energan.training import loop
from energan.utils.errors import UserError

SIZES = {"ebgan-pt-64": 64, "dcgan-64": 64, "fastgan-64": 64, "ebgan-pt-128": 128, "ebgan-pt-256": 256}


def made(folder: Path, recipe: str = "ebgan-pt-64", **changes: Any) -> Experiment:
    source = str(pictures(folder / "mine"))
    small = {"width": 1, "batch": 4, "steps": 4, "save_every": 2, "precision": "fp32", "device": "cpu"}
    return build(recipe, data=source, **small, **changes)


@pytest.mark.parametrize("recipe", SIZES)
def test_images_are_shown_whole_by_default(recipe, tmp_path):
    run = made(tmp_path, recipe)
    data = run.training_set()
    assert data.images.shape[2:] == (SIZES[recipe],) * 2 and run.shown(data) is data
    assert torch.equal(run.batches(data)(0)["x"], run.batches(data)(0)["x"])
    assert isinstance(run.game.players["G"].net, Augmented) == bool(run.augment) == (recipe == "fastgan-64")


@pytest.mark.parametrize("recipe", SIZES)
def test_patches_flips_and_augmentation_reach_the_batches_and_the_generator(recipe, tmp_path):
    size, policy = SIZES[recipe], ("colour", "cutout")
    run = made(tmp_path, recipe, patches=size + 32, flip=True, augment=policy)
    data = run.training_set()
    assert data.images.shape[2:] == (size + 32,) * 2
    batches = run.batches(data)
    assert batches(0)["x"].shape[2:] == (size, size)
    assert (batches.crop, batches.flip, batches.augment) == (size, True, policy)
    assert torch.equal(run.shown(data).images, patches(data, size).images)
    assert run.test_set().images.shape[2:] == (size, size)
    G = run.game.players["G"].net
    assert isinstance(G, Augmented) and G.policy == policy


@pytest.mark.parametrize("recipe", ["dcgan-64", "fastgan-64", "ebgan-pt-64"])
def test_rectangles_are_trained_on_drawn_and_scored(recipe, tmp_path, capsys):
    folder, source = tmp_path / "run", str(pictures(tmp_path / "mine"))
    small = ["--width", "1", "--batch", "4", "--steps", "2", "--save-every", "2", "--flip", "--out", str(folder)]
    augmented = ["--augment", "colour", "translation", "cutout"]
    assert main(["train", recipe, "--data", source, "--size", "16x24", *small, *augmented]) == 0
    assert "12 images, 16 pixels high and 24 wide, of" in capsys.readouterr().out
    assert RunFolder(folder).record["data"]["shape"] == [3, 16, 24]
    model = energan.load(folder)
    assert model.sample(2).shape == (2, 3, 16, 24)
    out = str(tmp_path / "grid.png")
    scores, found = str(tmp_path / "scores.csv"), str(tmp_path / "found.png")
    assert main(["sample", str(folder), "--n", "4", "--out", out]) == 0
    assert main(["score", source, "--run", str(folder), "--out", scores]) == 0
    assert main(["project", source, "--run", str(folder), "--steps", "2", "--out", found]) == 0
    assert main(["walk", str(folder), "--pairs", "2", "--frames", "3", "--out", str(tmp_path / "walk.png")]) == 0
    assert main(["resume", str(folder), "--steps", "4"]) == 0


def test_energies_of_reference_images_are_of_images_that_were_held_out(tmp_path):
    metrics = {}
    for name, changes in (("none", {"data": str(pictures(tmp_path / "mine", 40))}), ("some", {"data": "digits"})):
        recipe = "dcgan-64" if name == "none" else "lsgan-mnist"
        folder = trained(tmp_path / name, recipe, width=1, **changes)
        metrics[name] = evaluate(folder, n=32)["metrics"]
    assert "E(x) reference" in metrics["some"] and "E(x) reference" not in metrics["none"]
    assert "E(x) train" in metrics["none"]


def test_the_default_margin_of_other_sizes_is_in_proportion_to_the_norm(tmp_path):
    usual, large = made(tmp_path), made(tmp_path, size="128")
    assert large.game.hyperparameters["margin"] == 2 * usual.game.hyperparameters["margin"]


@pytest.mark.parametrize("size", ["16y24", "x24", "16x", "16x24x3", "-16", "9x24", "4", "99999", "16x24 "])
def test_sizes_that_are_none_are_one_sentence(size, tmp_path):
    with pytest.raises(UserError):
        made(tmp_path, size=size)


def test_patches_are_no_rectangles(tmp_path):
    with pytest.raises(UserError, match="patches are squares"):
        made(tmp_path, size="16x24", patches=32)


def test_a_run_of_patches_trains_measures_and_draws(tmp_path):
    folder = trained(tmp_path / "run", "ebgan-pt-64", width=1, patches=80, flip=True, augment=["translation"])
    record = RunFolder(folder).record
    assert record["data"]["shape"] == [3, 80, 80] and record["arguments"]["augment"] == ["translation"]
    model = energan.load(folder)
    assert model.sample(2, seed=0).shape == (2, 3, 64, 64)
    assert torch.equal(model.sample(2, seed=0), model.sample(2, seed=0))  # nothing is augmented in use
    assert main(["evaluate", str(folder), "--n", "12"]) == 0
    scores = tmp_path / "scores.csv"
    told = ["score", str(pictures(tmp_path / "mine")), "--run", str(folder), "--out", str(scores)]
    assert main(told) == 0 and len(scores.read_text().splitlines()) == 13


def test_the_augmented_generator_repeats_from_the_runs_seed(tmp_path):
    def energies() -> list[float]:
        run = made(tmp_path, augment=("colour", "translation", "cutout"))
        one = Trainer(run.game, run.batches(run.training_set()), seed=3)
        return [float(one.step()["G/E(G(z))"]) for _ in range(3)]

    assert energies() == energies()


def test_a_choice_of_classes_is_all_that_is_trained_on(tmp_path):
    for name in ("cats", "dogs"):
        pictures(tmp_path / "animals" / name, 5)
    run = build("dcgan-64", data=str(tmp_path / "animals"), width=1, batch=2, only=("dogs",), device="cpu")
    data = run.training_set()
    assert len(data.images) == 5 and data.classes == ("dogs",)
    with pytest.raises(UserError, match="mice"):
        run._replace(prepare=build("dcgan-64", data=str(tmp_path), width=1, only=("mice",)).prepare).training_set()


def test_the_centre_is_cut_out_of_files(tmp_path):
    whole, centre = made(tmp_path).training_set(), made(tmp_path, centre=10).training_set()
    assert whole.images.shape == centre.images.shape and not torch.equal(whole.images, centre.images)


def test_batch_auto_becomes_a_number(tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    told = flags("ebgan-pt-64", out, width=1, batch="auto", steps=2, save_every=2)
    assert main(["train", "ebgan-pt-64", *told, "--out", str(out), "--quiet"]) == 0
    found = json.loads((out / "run.json").read_text())
    assert found["arguments"]["batch"] == found["batch"] and 2 <= found["batch"] <= 12  # a dozen pictures
    assert "images/s" in capsys.readouterr().out
    assert main(["resume", str(out), "--steps", "3", "--quiet"]) == 0


def test_batch_is_auto_or_a_number(tmp_path, capsys):
    told = flags("ebgan-pt-64", tmp_path / "run", batch="much")
    with pytest.raises(SystemExit) as ended:  # the flags' own parser speaks
        main(["train", "ebgan-pt-64", *told, "--out", str(tmp_path / "run")])
    assert ended.value.code == 2 and "--batch" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_anyones_images_are_scored_whatever_their_classes(tmp_path):
    """A run of some classes, of patches: other folders are cut alike, and need not have those classes."""
    for name in ("cats", "dogs"):
        pictures(tmp_path / "animals" / name, 5)
    folder = str(tmp_path / "animals")
    run = build("ebgan-pt-64", data=folder, width=1, batch=2, only=("dogs",), patches=80, device="cpu")
    assert len(run.training_set().images) == 5
    flat = run.given(str(pictures(tmp_path / "flat", 7)), "train")
    assert flat.images.shape == (7, 3, 64, 64) and len(flat.files) == 7
    assert len(run.given(str(tmp_path / "animals"), "train").images) == 10


def test_what_is_measured_is_of_all_classes():
    chosen = fixed_subset(6300, 2000)
    assert len(chosen.unique()) == 2000 and torch.equal(chosen, chosen.sort().values)
    assert torch.bincount(chosen // 2100, minlength=3).min() > 550  # a third each: files come sorted by class
    assert torch.equal(fixed_subset(5, 9), torch.arange(5))


def test_crops_that_are_looked_at_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("energan.experiment.SHOWN", 7)
    run = made(tmp_path, patches=80)
    data = run.training_set()
    shown = run.shown(data)
    assert shown.images.shape == (7, 3, 64, 64)
    assert torch.equal(shown.images, patches(data, 64).images[fixed_subset(12, 7)])
    assert list(shown.files) == [data.files[i] for i in fixed_subset(12, 7).tolist()]


def test_a_batch_in_parts_is_not_auto(tmp_path, capsys):
    told = flags("ebgan-pt-64", tmp_path / "run", width=1, batch="auto")
    assert main(["train", "ebgan-pt-64", *told, "--microbatches", "3", "--out", str(tmp_path / "run")]) == 2
    assert "--batch auto is what fits in one part" in sentence(capsys)


def test_large_images_are_drawn_and_scored_in_slices(tmp_path, monkeypatch):
    """The same images as at once: 256 x 256 go through the nets sixteenfold fewer at a time."""
    import energan
    from energan.inference import chunks, model

    monkeypatch.setattr(model, "CHUNK", 250)  # as users have it
    monkeypatch.setattr(chunks, "CHUNK", 250)
    folder = trained(tmp_path / "run", "ebgan-pt-128", width=1, steps=2, save_every=2)
    one, at_once = energan.load(folder), []
    one.generator.register_forward_pre_hook(lambda _, noise: at_once.append(len(noise[0])))
    drawn = one.sample(3, seed=0)
    assert at_once == [1, 62]  # the first tells their size; no more slices than are asked for
    scores = energan.load(folder).score(drawn)
    monkeypatch.setattr(model, "chunk_size", lambda pixels: 250)
    again = energan.load(folder)
    assert (again.sample(3, seed=0).int() - drawn.int()).abs().max() <= 1  # other kernels may round otherwise
    assert torch.allclose(again.score(drawn), scores, rtol=1e-4)


@pytest.mark.parametrize(("pixels", "n"), [(28 * 28, 250), (64 * 64, 250), (128 * 128, 62), (256 * 256, 15)])
def test_how_many_go_at_once(pixels, n, monkeypatch):
    from energan.inference import chunks, model

    monkeypatch.setattr(model, "CHUNK", 250)  # as users have it
    monkeypatch.setattr(chunks, "CHUNK", 250)
    assert model.chunk_size(pixels) == n


@pytest.mark.parametrize("recipe", ["ebgan-pt-64", "ebgan-pt-128", "ebgan-pt-256"])
def test_without_the_pulling_away_term_it_is_ebgan_and_all_else_is_equal(recipe, tmp_path):
    one, other = made(tmp_path, recipe), made(tmp_path, recipe, pt=0.0)
    assert (one.system, other.system) == ("ebgan-pt", "ebgan")
    assert "pt" in one.game.hyperparameters and "pt" not in other.game.hyperparameters
    assert one.game.hyperparameters["margin"] == other.game.hyperparameters["margin"]
    assert other.game.turns["G"][0].objective.func is generator_loss
    for name, player in one.game.players.items():
        weights, others = player.net.state_dict(), other.game.players[name].net.state_dict()
        assert all(torch.equal(weights[k], others[k]) for k in weights)


def test_statistics_are_measured_over_no_more_than_a_part(tmp_path, monkeypatch):
    asked = []
    real = snapshot.snapshot
    monkeypatch.setattr(
        "energan.training.watcher.snapshot", lambda one, images, n: asked.append(n) or real(one, images, n)
    )
    run, data = start(tmp_path / "run", width=1, steps=2, save_every=1)
    assert loop.train(run._replace(microbatches=2), RunFolder(tmp_path / "run"), data, quiet=True) == "finished"
    assert asked == [4, 4]
