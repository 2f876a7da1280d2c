"""project, neighbours, forget and probe: what they write and say, and what they answer to what cannot be used."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image
from report_runs import page_of, text_of
from small_runs import pictures, sentence, trained

import energan
from energan.cli import main
from energan.commands.probe import forget, linear, observer
from energan.commands.probe.forget import _compared
from energan.commands.probe.observer import of_words
from energan.inference.codes import projection
from energan.metrics.neighbours import copies
from energan.utils.errors import UserError


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: one that draws classes, one of pictures without any, one that draws by chains."""
    folder = tmp_path_factory.mktemp("probed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        trained(folder / "run", "conditional-dcgan-mnist", steps=2, save_every=2)
        trained(folder / "plain", "ebgan-pt-64", steps=1, save_every=1)
        trained(folder / "blind", "gmmn-mnist", steps=1, save_every=1)
    pictures(folder / "mine", 3)
    return folder


@pytest.fixture(autouse=True)
def inside(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own with copies of the runs, on one thread, few samples and images."""
    monkeypatch.setattr(forget, "TAUGHT", 100)
    monkeypatch.setattr(linear, "TESTED", 60)
    monkeypatch.setattr(linear, "VALIDATED", 60)
    monkeypatch.setattr(projection, "DRAWS", 20)
    for path in there.iterdir():
        copytree(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def said(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 0
    return capsys.readouterr().out


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 2
    return sentence(capsys)


def found(name: str) -> dict:
    return json.loads(Path("run", "probes", f"{name}.json").read_text())


def test_images_are_projected(capsys: pytest.CaptureFixture[str]) -> None:
    told = said("project digits --run run --steps 2 --n 3 --noise z.npz", capsys)
    assert "3 images are drawn with an error of" in told and "run/probes/project.png and z.npz" in told
    model = energan.load("run")
    with np.load("z.npz") as file:
        noise = {name: torch.from_numpy(file[name]) for name in file.files}
    assert set(noise) == {"z", "c"} and noise["z"].shape == (3, 8)
    with Image.open("run/probes/project.png") as sheet:
        assert sheet.size == (9 * 29 - 1, 28)
        shown = torch.from_numpy(np.array(sheet))
    assert torch.equal(shown[:, 2 * 29 : 2 * 29 + 28], model.decode(noise)[0, 0])
    image = energan.data.load("digits", "test", size=28).images[:3]
    expected = ((model.decode(noise).float() - image) / 255).square().flatten(1).mean(1).sqrt().mean()
    assert found("project")["numbers"][0]["value"] == pytest.approx(float(expected), rel=1e-5)
    assert found("project")["step"] == 2
    said("project digits --run run --steps 1 --n 2 --class 3 --out x.png --noise y.npz", capsys)
    with np.load("y.npz") as file:
        assert file["c"].argmax(1).tolist() == [3, 3]
    assert Path("x.png").is_file()


def test_samples_are_compared_with_training_images(capsys: pytest.CaptureFixture[str]) -> None:
    told = said("neighbours run --n 20", capsys)
    assert "Nothing says that it has memorised training images" in told and "0 of 20 samples (0.0 %)" in told
    assert "held-out images by pixels, and" in told and "by mnist features" in told
    with Image.open("run/probes/neighbours.png") as sheet:
        assert sheet.size == (9 * 29 - 1, 4 * 29 - 1)
    plain = said("neighbours plain --n 5 --out near.png", capsys)
    assert "training images (among the others: none are held out)" in plain and Path("near.png").is_file()
    assert not Path("plain", "probes").exists()  # the sheet alone was asked for


def test_a_run_that_draws_its_training_images_has_memorised_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = energan.data.load("digits", "train", size=28).images
    monkeypatch.setattr("energan.inference.model.Model.sample", lambda self, n, seed=0: taught[:n])
    told = said("neighbours run --n 20", capsys)
    assert told.startswith("It has memorised training images: copies of one are 20 of 20 samples (100.0 %)")
    assert found("neighbours")["numbers"][0]["value"] == 100


def test_copies_are_nearer_to_one_image_than_to_those_about_it() -> None:
    train = torch.tensor([[0.0], [10.0], [20.0]])
    compared = copies(torch.tensor([[0.1], [4.0], [100.0]]), train)
    assert compared.ratios.tolist() == pytest.approx([0.1 / (29.9 / 3), 4 / (26 / 3), 80 / 90], rel=1e-5)
    assert compared.copies.tolist() == [True, True, False]
    alone = copies(train, train, itself=True)
    assert alone.nearest.distances[:, 0].tolist() == [10, 10, 10] and not alone.copies.any()
    twice = copies(torch.tensor([[5.0], [5.0], [6.0], [9.0]]), torch.tensor([[5.0], [5.0], [6.0], [9.0]]), itself=True)
    assert twice.copies.tolist() == [True, True, False, False]
    with pytest.raises(UserError, match="among 2 training images or more, not 1"):
        copies(train, train[:1])


def test_a_class_is_forgotten(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = torch.Generator().manual_seed(0)
    judge = type("J", (), {"about": "a <b>coin</b>", "accuracy": 0.5, "images": 9, "where": "held-out images"})()

    def guess(images: torch.Tensor) -> torch.Tensor:
        return torch.randint(10, (len(images),), generator=seen)

    monkeypatch.setattr(observer, "judge_by", lambda had, folder: (judge, guess))
    told = said("forget run --feature 7 --n 60", capsys)
    assert "of 60 samples show 7" in told and "maps that go with it (layer 2 from the top, 4 x 14 x 14)" in told
    assert "The judge is a <b>coin</b>, which recognises 50.0 % of 9 held-out images" in told
    assert len(found("forget")["numbers"]) == 1 + 2 * len(forget.SHARES)  # as many at random beside each
    page = page_of(Path("run"))
    assert "What has it learned?" in text_of(Path("run")) and "Forgetting 7" in page and "a <b>coin" not in page
    assert "is none that maps could be dropped of" in refused("forget run --feature 7 --layer 9", capsys)


def test_what_is_left_is_counted_of_those_that_had_it_and_of_the_others() -> None:
    was, now = torch.tensor([7, 7, 7, 7, 1, 2, 3, 4])[:, None], torch.tensor([7, 1, 1, 1, 1, 2, 7, 0])[:, None]
    assert _compared(was, now, 7, 3) == (3, 25.0, 75.0, 50.0, None)
    assert _compared(was[:4], now[:4], 7, 3).kept == 100
    more = torch.tensor([[7, 1, 1], [7, 2, 2], [3, 1, 1]])
    assert _compared(more, torch.tensor([[7, 1, 0], [5, 2, 2], [3, 9, 9]]), 7, 1).rest == 75


def test_words_of_worded_digits_are_seen() -> None:
    data = energan.data.load("worded-mnist", "test")
    red = of_words("red")
    seen = red.see(data.images[:60])
    said = [any("red" in sentence.split() for sentence in sentences) for sentences in data.captions[:60]]
    assert seen.shape == (60, 5) and any(said)
    assert all(bool(is_red) for is_red, told in zip(seen[:, 0] == red.value, said, strict=True) if told)
    with pytest.raises(UserError, match="'reddish' is none that the judge of worded digits sees"):
        of_words("reddish")


def test_features_are_probed(capsys: pytest.CaptureFixture[str]) -> None:
    told = said("probe run --labels 20 --draws 2", capsys)
    assert (
        "With 20 labels, a linear classifier on features of D errs on" in told and "held-out images of digits" in told
    )
    numbers = {each["name"]: each for each in found("probe")["numbers"]}
    of = ("features of D", "features of D before its training", "pixels")
    assert [*numbers] == [*(f"error with {each}, %" for each in of), "layers"]
    assert "told the mean" in numbers["layers"]["says"] and numbers["error with pixels, %"]["value"] < 60
    other = said("probe plain --labels 10 --draws 1 --images digits", capsys)
    assert "of digits" in other


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("project nowhere --run run", "nowhere"),
        ("project digits --run run --n 0", "n must be 1 or more"),
        ("project digits --run run --steps -1", "steps must be 0 or more"),
        ("project digits --run run --noise z.csv", "noise goes to an .npz"),
        ("project digits --run run --out x.jpg", "images go to a .png"),
        ("project digits --run run --class 11", "there is no class '11'"),
        ("project digits --run run --class 1,2", "projected as one class"),
        ("project mine --run plain --class 1", "draws no classes"),
        ("neighbours run --n 0", "n must be 1 or more"),
        ("neighbours run --network vgg", "unknown feature network 'vgg'"),
        ("neighbours plain --data run/samples", "not those that plain was trained on"),
        ("neighbours run --seed -1", "seed must be"),
        ("forget run --feature eleven", "there is no class 'eleven'"),
        ("forget run --feature 1,2", "one class is forgotten at a time"),
        ("forget plain --feature 1", "have no classes"),
        ("probe run --labels 7", "keep a multiple of 10"),
        ("probe run --labels 100000", "keep"),
        ("probe run --player G", "is none that takes images"),
        ("probe blind", "no player that takes images and draws none"),
        ("probe plain", "needs labelled images of two classes"),
        ("probe run --images mine", "needs labelled images of two classes"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(line: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert why in refused(line, capsys)
    assert not Path("run", "probes").exists()


def test_findings_of_strangers_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("run", "probes")
    folder.mkdir()
    assert "What has it learned?" not in page_of(Path("run"))
    deep: object = "x"
    for _ in range(50):
        deep = [deep]
    hostile = {
        "title": "<img src=x>",
        "says": deep,
        "numbers": [5, {"name": ["<q>"], "value": {"a": "<r>"}}],
        "step": "<s>",
    }
    (folder / "walk.json").write_text(json.dumps(hostile))
    (folder / "walk.png").symlink_to("/etc/passwd")
    (folder / "bad.json").write_text("{")
    (folder / "list.json").write_text("[]")
    (folder / "other.json").write_text(json.dumps({"says": "y" * 10**6}))
    page = page_of(Path("run"))
    assert "What has it learned?" in page and len(page) < 2 * 10**6
    assert not any(text in page for text in ("<img src=x>", "<q>", "<r>", "<s>"))
    folder.rename("elsewhere")
    folder.symlink_to(Path("elsewhere").resolve())
    assert "What has it learned?" not in page_of(Path("run"))
