"""`--classes`: which classes are drawn, of which images, how the nets are told, and what is said of the rest."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import resumed, sentence, start, trained
from torch import nn

import energan
from energan.cli import main
from energan.commands.train import _create
from energan.data.diffaugment import Augmented
from energan.engine import Trainer
from energan.experiment import Experiment
from energan.games.conditional.conditional import conditional
from energan.inference.snapshot import snapshot
from energan.networks.conditional.fastgan import ConditionalGenerator, Projected
from energan.networks.layers.condition import Auxiliary, Joined, Planes, Projection
from energan.recipes.build import build
from energan.recipes.catalog import RECIPES
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.arguments import parameters
from energan.utils.console import _warned
from energan.utils.errors import UserError

ASKED = [name for name, recipe in RECIPES.items() if parameters(recipe).get("classes") is False]
CRITICS = [name for name in ASKED if "told" in parameters(RECIPES[name])]
SMALL: dict[str, Any] = {"width": 2, "batch": 4, "steps": 4, "save_every": 2, "precision": "fp32", "device": "cpu"}
NAMES = ("=1+1", "<b>", "ünïcode 🐈")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
    _warned.clear()


TOLD = {Joined, Planes, Projection, Projected, ConditionalGenerator}


def folder(root: Path, **numbers: int) -> Path:
    """So many images in each sub-folder, of its own brightness; "a__b" is a/b."""
    for place, (name, n) in enumerate(numbers.items()):
        inside = root / name.replace("__", "/")
        inside.mkdir(parents=True)
        for i in range(n):
            Image.fromarray(np.full((8, 8), 20 * place + i, np.uint8)).save(inside / f"{i}.png")
    return root


def made(source: Path, recipe: str = "r3gan-mnist", **changes: Any) -> Experiment:
    return build(recipe, data=str(source), **{**SMALL, "classes": True, **changes})


def undressed(net: nn.Module) -> nn.Module:
    """The net, without what changes its images on their way to D."""
    return net.net if isinstance(net, Augmented) else net


def test_the_recipes_of_these_families_draw_classes() -> None:
    of_images = {"fastgan-64", "dcgan-64", "ebgan-pt-64", "ebgan-pt-128", "ebgan-pt-256", "lapgan-64"}
    of_digits = {"ebgan-pt-mnist", "wgan-gp-mnist", "wgan-gp-stacked", "r3gan-mnist", "lsgan-mnist", "hinge-mnist"}
    of_digits |= {"lapgan-mnist"}
    assert set(ASKED) == of_images | of_digits


@pytest.mark.parametrize("recipe", ASKED)
def test_a_recipe_asked_for_classes_plays_a_step_and_draws_each(recipe: str, tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", a=4, b=4)
    small = {"width": 1, "batch": 2} if recipe.endswith(("128", "256")) else {}
    run = made(source, recipe, **small)
    data = run.training_set()
    assert data.classes == ("a", "b") and run.game.conditions is not None and run.game.conditions.kind == "classes"
    G = next(player.net for name, player in run.game.players.items() if name.startswith("G"))
    before = [w.clone() for w in G.parameters()]
    trainer = Trainer(run.game, run.batches(data), seed=0)
    assert all(bool(v.isfinite()) for v in trainer.step().values())
    assert any(not torch.equal(a, b) for a, b in zip(before, G.parameters(), strict=True))
    model = snapshot(trainer, data.images, batch=2)
    drawn = [model.sample(2, class_index=k) for k in (0, 1)]
    assert drawn[0].shape[1:] == data.images.shape[1:] and not torch.equal(*drawn)


@pytest.mark.parametrize("recipe", ASKED)
def test_without_classes_nothing_of_a_recipe_knows_of_them(recipe: str) -> None:
    run = build(recipe, data="nothing is loaded yet", steps=4)
    assert run.game.conditions is None and "c" not in run.game.noise
    assert not {type(net) for p in run.game.players.values() for net in p.net.modules()} & TOLD


@pytest.mark.parametrize("recipe", sorted(set(CRITICS) - {"fastgan-64"}))
@pytest.mark.parametrize("told", ["planes", "projection"])
def test_a_critic_is_told_by_planes_or_by_a_projection(recipe: str, told: str, tmp_path: Path) -> None:
    run = made(folder(tmp_path / "ds", a=3, b=3, c=2), recipe, told=told, embedding=5)
    G, D, *_ = (undressed(player.net) for player in run.game.players.values())
    assert isinstance(G, Joined) and G.embedding.weight.shape == (5, 3)
    assert isinstance(D, Planes if told == "planes" else Projection)


def test_fastgans_norms_are_told_and_its_d_by_planes_or_by_a_projection(tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", a=3, b=3, c=2)
    for told in ("planes", "projection"):
        run = made(source, "fastgan-64", told=told, embedding=5 * (told == "planes"))
        G, D, _ = (undressed(player.net) for player in run.game.players.values())
        assert isinstance(G, ConditionalGenerator) and [w.shape[0] for w in G.AB] == [3] * len(G.AB)
        assert 0.25 < torch.cat([w.flatten() for w in G.AB]).std() < 0.35
        assert isinstance(D, Planes) if told == "planes" else isinstance(D, Projected) and D.over == "sum"
    with pytest.raises(UserError, match="embedding is of planes alone here"):
        made(source, "fastgan-64", embedding=5)
    with pytest.raises(UserError, match="told auxiliary is for dcgan-64"):
        made(source, "fastgan-64", told="auxiliary", embedding=5)


def test_a_dcgan_with_an_auxiliary_classifier_is_an_acgan_and_the_others_refuse_it(tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", a=3, b=3)
    run = made(source, "dcgan-64", told="auxiliary")
    assert run.system == "acgan" and isinstance(run.game.players["D"].net, Auxiliary)
    with pytest.raises(UserError, match="smoothing is not ACGAN's"):
        made(source, "dcgan-64", told="auxiliary", smoothing=0.1)
    for recipe in set(CRITICS) - {"dcgan-64"}:
        with pytest.raises(UserError, match="told auxiliary is for dcgan-64"):
            made(source, recipe, told="auxiliary")


def test_images_without_a_label_are_left_out_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "ds", a=3, Unlabelled=2, b=4)
    data = made(source).training_set()
    assert data.classes == ("a", "b") and data.labels is not None
    assert data.labels.tolist() == [0] * 3 + [1] * 4 and data.images.amax((1, 2, 3)).tolist() == [
        0,
        1,
        2,
        40,
        41,
        42,
        43,
    ]
    assert data.files == (*(f"a/{i}.png" for i in range(3)), *(f"b/{i}.png" for i in range(4)))
    assert data.sha256 != energan.data.load(source, size=28, channels=1).sha256
    assert capsys.readouterr().err.count("left out of ds: 2 images without a label") == 1


def test_an_empty_folder_is_no_class_and_one_image_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "ds", nested__a=3, nested__b=1, nested__empty=0)
    assert made(source).training_set().classes == ("a", "b")
    said = capsys.readouterr().err
    assert "the empty folders empty of ds" in said and "will be alike: b of ds" in said


def test_classes_of_an_array_without_images_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ds.npz"
    images = np.arange(6, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
    np.savez(path, images=images, labels=[5, 2, 5, 2, -1, 2])
    data = made(path).training_set()
    assert data.classes == ("2", "5") and data.labels is not None and data.labels.tolist() == [1, 0, 1, 0, 0]
    assert "1 images without a label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("numbers", "changes", "expected"),
    [
        ({"a": 4}, {}, "has no labels to draw classes by"),
        ({"a": 4, "unlabelled": 2}, {}, r"has one class only \(a\)"),
        ({"a": 4, "b": 4}, {"labels_csv": "x", "attribute": "y"}, "labels_csv and attribute both say"),
        ({"a": 4, "b": 4}, {"attribute": "Smiling"}, "has no attributes to take 'Smiling' from"),
        ({"a": 4, "b": 4}, {"classes": False, "labels_csv": "x"}, "labels_csv says what classes are"),
        ({"a": 4, "b": 4}, {"classes": False, "embedding": 3}, "embedding says what classes are"),
    ],
)
def test_what_is_refused(numbers: dict[str, int], changes: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=expected):
        made(folder(tmp_path / "ds", **numbers), **changes)


def test_mismatched_classes_need_classes() -> None:
    with pytest.raises(UserError, match="mismatch is a weight of wrong classes"):
        build("ebgan-pt-mnist", data="digits", mismatch=1.0)


def test_some_classes_only(tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", a=3, b=3, c=3)
    small = {"data": str(source), **SMALL, "width": 1, "classes": True, "only": ("c", "a")}
    assert build("dcgan-64", **small).training_set().classes == ("a", "c")
    table = tmp_path / "labels.csv"
    table.write_text("file,label\n" + "".join(f"{k}/{i}.png,{k}{i}\n" for k in "abc" for i in range(3)))
    data = build("dcgan-64", **{**small, "only": ("a0", "c1")}, labels_csv=str(table)).training_set()
    assert data.classes == ("a0", "c1") and data.files == ("a/0.png", "c/1.png")


def test_labels_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "ds", images=5)
    table = tmp_path / "labels.csv"
    table.write_text("file,label\nimages/0.png,cat\nimages/1.png,dog\nimages/2.png,cat\nimages/4.png,dog\n")
    data = made(source, labels_csv=str(table)).training_set()
    assert data.classes == ("cat", "dog") and data.labels is not None and data.labels.tolist() == [0, 1, 0, 1]
    assert "left out of ds: 1 images without a label" in capsys.readouterr().err


def test_an_attribute_of_celeba(tmp_path: Path) -> None:
    faces = folder(tmp_path / "celeba", img_align_celeba=4)
    rows = "".join(f"{i}.png {1 if i % 2 else -1}\n" for i in range(4))
    (faces / "list_attr_celeba.txt").write_text(f"4\nSmiling\n{rows}")
    data = made(faces, attribute="Smiling").training_set()
    assert (
        data.classes == ("not Smiling", "Smiling") and data.labels is not None and data.labels.tolist() == [0, 1, 0, 1]
    )


def test_test_images_have_the_numbers_of_the_training_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class that training lacks is left out, and said; one that only training has keeps its number."""
    source = folder(tmp_path / "ds", train__a=2, train__b=3, train__d=2, test__b=2, test__c=3, test__d=1)
    run = made(source)
    data = run.test_set()
    assert data.classes == run.training_set().classes == ("a", "b", "d")
    assert data.labels is not None and data.labels.tolist() == [1, 1, 2]
    assert "left out of ds/test: 3 images of classes that training lacks: c" in capsys.readouterr().err
    assert len(run.given(str(source), "test").images) == 6  # to score: all


def test_names_of_any_kind_reach_run_json_and_a_copy_of_the_run_draws(tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", **dict.fromkeys(NAMES, 4))
    path = trained(tmp_path / "run", "r3gan-mnist", data=str(source), classes=True, batch=4, width=2, steps=4)
    assert json.loads((path / "run.json").read_text())["classes"] == sorted(NAMES)
    whole = energan.load(path).sample(2, class_index=1)
    shutil.rmtree(source)
    copy = shutil.copytree(path, tmp_path / "elsewhere")
    shutil.rmtree(path)
    model = energan.load(copy)
    assert model.asked_width == 3 and torch.equal(model.sample(2, class_index=1), whole)
    run = rebuild(RunFolder(copy).record)
    assert run.prepare.keywords["names"] == tuple(sorted(NAMES))  # type: ignore[attr-defined]


def test_a_run_of_classes_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    source = folder(tmp_path / "ds", a=6, b=2, unlabelled=3)
    settings = {"data": str(source), "classes": True, "batch": 4, "width": 2, "decay": 0.0, "mismatch": 0.5}
    once = trained(tmp_path / "once", "ebgan-pt-mnist", **settings, steps=6)
    twice = trained(tmp_path / "twice", "ebgan-pt-mnist", **settings, steps=3)
    assert resumed(twice, 6) == "finished"
    a, b = energan.load(once), energan.load(twice)
    assert torch.equal(a.sample(4, seed=3), b.sample(4, seed=3))


def test_the_game_is_the_plain_one_told_the_class(tmp_path: Path) -> None:
    run = made(folder(tmp_path / "ds", a=3, b=3), "lsgan-mnist")
    plain = build("lsgan-mnist", data=str(tmp_path / "ds"), **SMALL)
    told = conditional(plain.game, 2)
    assert run.system == "lsgan" and set(run.game.noise) == set(told.noise)
    assert run.game.hyperparameters == plain.game.hyperparameters


@pytest.mark.parametrize("asked", [False, True])
def test_unused_labels_are_said_to_be_unused(asked: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"data": "digits", "classes": asked, **SMALL}
    run = build("ebgan-pt-mnist", **given)
    _create(str(tmp_path / "run"), run, run.training_set(), "ebgan-pt-mnist", given, 1)
    said = capsys.readouterr().out
    assert said.count("the labels of digits (10 classes) are not used: --classes draws") == (not asked)


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "ds", a=3)
    given = ["--data", str(source), "--classes", "--out", str(tmp_path / "run")]
    assert main(["train", "dcgan-64", *given]) == 2
    assert "has no labels to draw classes by" in sentence(capsys) and not (tmp_path / "run").exists()


def test_a_started_run_says_what_it_draws(tmp_path: Path) -> None:
    run, data = start(tmp_path / "run", "conditional-dcgan-mnist")
    assert data.classes == tuple("0123456789") and run.game.conditions is not None


def test_a_run_of_before_there_were_sentences_is_opened(tmp_path: Path) -> None:
    start(tmp_path / "run", "ebgan-pt-mnist")
    record = RunFolder(tmp_path / "run").record
    del record["experiment"]["value"]["dict"]["sentences"]
    assert rebuild(record).sentences is None
