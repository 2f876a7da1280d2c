"""What is read from images, drawn again and measured, against values worked out by hand."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image
from report_runs import page_of, text_of
from small_encoding import coding, trained
from small_runs import log, sentence
from torch import Tensor, nn

import energan
from energan import evaluation
from energan.capabilities.conditions.classes.labelled import Labelled
from energan.capabilities.encoding.categories import majority, named_categories, use
from energan.capabilities.encoding.measure import rms
from energan.cli import main
from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.engine.game import Code
from energan.inference import model as inference
from energan.inference.model import Model
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.errors import UserError
from energan.utils.specification import trusting

TRUST = ("small_encoding",)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that reads all of its noise, measured and reported; read-only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        there = trained(tmp_path_factory.mktemp("read") / "run")
        with trusting(*TRUST):
            evaluation.evaluate(there, n=100)
    page_of(there)
    return there


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return energan.load(run, trust=TRUST)


class Reads(nn.Module):
    """x (n, 1, 1, 5) -> its first two pixels, and three logits that are the others."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.flatten(1)[:, :2], x.flatten(1)[:, 2:]


class Writes(nn.Module):
    """z and k side by side -> the image that Reads reads them from; k in -1 and 1."""

    def forward(self, both: Tensor) -> Tensor:
        return torch.cat([both[:, :2].clamp(-1, 1), 2 * both[:, 2:] - 1], 1)[:, None, None]


def exact(reads_all: bool = True) -> Model:
    """A model whose reading is exact: numbers are bytes, categories the brightest of three pixels."""
    nets: dict[str, nn.Module] = {"G": Writes(), "E": Reads()}
    return Model(coding(nets["G"], nets["E"], 2, 3, reads_all), nets, shape=(1, 1, 5))


# ------------------------------------------------------------------------------------------------ a model that reads


def test_a_model_reads_its_noise_and_draws_from_it_again() -> None:
    model = exact()
    images = torch.tensor([[0, 255, 0, 255, 0], [51, 102, 255, 0, 0]], dtype=torch.uint8)[:, None, None]
    codes = model.encode(images)
    assert torch.allclose(codes["z"], torch.tensor([[-1, 1], [-0.6, -0.2]]), atol=1e-6)
    assert codes["k"].argmax(1).tolist() == [1, 0] and torch.allclose(codes["k"].sum(1), torch.ones(2))
    assert model.decoded == ("z", "k") and model.redraws
    assert torch.equal(model.reconstruct(images), images)
    soft = model.decode({**codes, "k": torch.full((2, 3), 0.5)})
    assert torch.equal(soft[:, 0, 0, :2], images[:, 0, 0, :2]) and bool((soft[:, 0, 0, 2:] == 128).all())


def test_what_is_not_given_is_drawn_as_samples_are(model: Model) -> None:
    drawn = model.noise(inference.CHUNK, model.noise_of_seed(3))
    z, k = drawn[0][:4], drawn[1][:4]
    assert torch.equal(model.decode({"z": z, "k": k}), model.sample(4, seed=3))
    assert torch.equal(model.decode({"z": z}, seed=3), model.sample(4, seed=3))
    assert not torch.equal(model.decode({"z": z}, seed=4), model.sample(4, seed=3))
    many = model.decode({"k": k[:1].expand(260, -1)}, seed=3)
    assert torch.equal(many[:4], model.decode({"k": k[:1].expand(4, -1)}, seed=3))


def test_images_of_other_numbers_are_read_with_their_range(model: Model) -> None:
    images = model.sample(3)
    again = model.encode(images.double() / 255, value_range=(0, 1))
    assert all(
        torch.allclose(a, b, atol=1e-5) for a, b in zip(again.values(), model.encode(images).values(), strict=True)
    )


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ({}, "there is no noise"),
        ({"y": torch.zeros(1, 2)}, "reads no noise 'y'; it reads z, k"),
        ({"z": torch.zeros(2, 3)}, "rows of shape (2,), not (2, 3)"),
        ({"z": [[0.0, 0.0]]}, "not list"),
        ({"z": torch.zeros(2, 2), "k": torch.zeros(3, 3)}, "as many rows"),
        ({"z": torch.full((1, 2), float("nan"))}, "NaN"),
        ({"z": torch.zeros(0, 2)}, "must be 1 or more"),
    ],
)
def test_noise_that_is_none_is_refused(model: Model, noise: dict, said: str) -> None:
    with pytest.raises(UserError) as caught:
        model.decode(noise)
    assert said in str(caught.value)


def test_a_system_that_cannot_read_all_says_so(model: Model) -> None:
    part = exact(reads_all=False)
    images = torch.zeros(1, 1, 1, 5, dtype=torch.uint8)
    assert not part.redraws and list(part.encode(images)) == ["k"]
    with pytest.raises(UserError, match="does not read z from them"):
        part.reconstruct(images)
    blind = Model(model.game._replace(encode=None), model.nets, shape=model.shape)
    for ask in (blind.encode, blind.reconstruct):
        with pytest.raises(UserError, match="reads no noise from images"):
            ask(model.sample(1))
    with pytest.raises(UserError, match="have the shape"):
        model.encode(images)


def test_an_encoder_of_another_width_than_the_noise_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from small_encoding import Encoder

    monkeypatch.setattr(Encoder, "forward", lambda self, x: (self.net(x)[:, :1], self.net(x)[:, 2:]))
    with pytest.raises(UserError, match=r"its encoder of z gives \(1,\) where its images are \(2,\)|encoder of z"):
        energan.load(run, trust=TRUST)


def test_statistics_of_the_encoder_are_those_of_real_images(model: Model) -> None:
    """So an image is read alike, alone or among others, and not as with the statistics that the net starts with."""
    layer = model.nets["E"].net[2]
    assert bool((layer.var != 1).any()) and bool((layer.mean != 0).any())
    images = model.sample(5)
    assert torch.allclose(model.encode(images)["z"][2:3], model.encode(images[2:3])["z"], atol=1e-5)


# ------------------------------------------------------------------------------------------------ what is measured


def test_a_category_is_of_the_class_that_most_of_its_images_have() -> None:
    categories, labels = torch.tensor([0, 0, 0, 2, 2, 2]), torch.tensor([1, 1, 0, 2, 1, 2])
    classes, counts = majority(categories, labels, 4, 3)
    assert classes.tolist() == [1, 1, 2, 1]  # categories 1 and 3 have no images: of all images, most are of class 1
    assert counts.tolist() == [[1, 2, 0], [0, 0, 0], [0, 1, 2], [0, 0, 0]]
    assert use(torch.eye(3)[torch.tensor([0] * 199 + [1])]) == 1


def test_the_error_is_of_images_that_named_no_category() -> None:
    model = exact()

    def images(categories: list[int], labels: list[int]) -> ImageSet:
        pixels = torch.zeros(len(labels), 1, 1, 5, dtype=torch.uint8)
        pixels[:, 0, 0, 2:] = (255 * torch.eye(3)[torch.tensor(categories)]).byte()
        return ImageSet(pixels, torch.tensor(labels), "mine", ("a", "b"), "", "", ())

    taught, real = images([0, 0, 1, 2, 2, 2], [1, 1, 0, 1, 1, 0]), images([0, 1, 1, 2], [1, 1, 0, 0])
    found = named_categories(model, Labelled(taught, real, True), 10)["k"]
    assert found.classes.tolist() == [1, 0, 1] and (found.wrong, found.images, found.error) == (2, 4, 50)
    assert not named_categories(model, Labelled(taught, real._replace(labels=None), True), 10)
    numbers = model.game._replace(encode={"z": Code(lambda p, b: p.E(b.x)[0])})
    assert not named_categories(Model(numbers, model.nets), Labelled(taught, real, True), 10)


def test_rms_is_of_pixels_from_0_to_1() -> None:
    a, b = torch.tensor([[0, 255]], dtype=torch.uint8), torch.tensor([[51, 255]], dtype=torch.uint8)
    assert rms(a, b) == pytest.approx(0.2 / 2**0.5) and rms(a, a) == 0


def test_a_run_is_measured_while_it_trains_and_afterwards(run: Path, model: Model) -> None:
    found = json.loads((run / "evaluation.json").read_text())
    with trusting(*TRUST):
        test = rebuild(RunFolder(run).record).test_set()
    assert found["encoding"]["images"] == 100 and found["encoding"]["redraws"] is True
    assert found["encoding"]["read"]["z"] == {"kind": "numbers", "width": 2}
    rows = found["encoding"]["categories"]["k"]
    assert found["metrics"]["category error %"] == pytest.approx(100 * rows["wrong"] / rows["images"])
    assert sum(row["training"] for row in rows["rows"]) == len(energan.data.load("digits", "train").images)
    assert 0 < found["metrics"]["reconstruction RMS"] < 1
    (line,) = [line for line in log(run) if "reconstruction RMS" in line.get("metrics", {})]
    images = test.images[fixed_subset(len(test.images), line["samples"])]
    expected = rms(images, model.reconstruct(images))
    assert line["metrics"]["reconstruction RMS"] == pytest.approx(expected, rel=1e-5)


def test_sheets_show_pairs_codes_and_planes(run: Path, model: Model) -> None:
    layout = json.loads((run / "encoding.json").read_text())
    assert layout["pairs"] == 20 and layout["scattered"] == ["z"]
    assert [each["name"] for each in layout["traversed"]] == ["z", "z", "k"]
    with Image.open(run / "traversal-2.png") as sheet, Image.open(run / "traversal-0.png") as line:
        assert sheet.size == (3 * 33 - 1, 5 * 33 - 1) and line.size == (10 * 33 - 1, 5 * 33 - 1)
        first = torch.from_numpy(np.array(sheet))[:32, 33 : 33 + 32]
    assert torch.equal(first, model.decode({"k": torch.eye(3)[[1]]}, seed=0)[0, 0])
    with Image.open(run / "plane-0.png") as plane:
        assert plane.size[0] > 300


def test_the_report_tells_what_was_read(run: Path, tmp_path: Path) -> None:
    text = text_of(run)
    assert "What does it read in images?" in text and "z, 2 numbers; k, one of 3 categories" in text
    assert "What the categories of k are of" in text and "One code at a time" in text
    there = copytree(run, tmp_path / "run")
    for name in ("evaluation.json", "encoding.json"):
        (there / name).write_text('{"encoding": {"categories": {"<q>": {"rows": [3, {"class": "<i>"}]}}, "read": 5}}')
    assert "<q>" not in page_of(there) and "&lt;i&gt;" in page_of(there)
    (there / "encoding.json").unlink()
    (there / "evaluation.json").unlink()
    page_of(there)
    assert "What the system reads from images has not been measured." in text_of(there)


def test_invert_draws_again_what_is_read(
    run: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["invert", "digits", "--run", str(run), "--n", "3", "--trust", *TRUST]) == 0
    assert "mean square error" in capsys.readouterr().out and Path("inverted.png").is_file()
    part = trained(tmp_path / "part", reads_all=False)
    assert main(["invert", "digits", "--run", str(part), "--trust", *TRUST]) == 2
    assert "does not read z from them" in sentence(capsys)
