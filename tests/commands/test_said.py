"""Sentences on the command line: what is drawn for them, what is refused, and what is told of strange words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import sentence, trained

import energan
from energan.cli import main
from energan.data.batches.captioned import vocabulary
from energan.explore import said
from energan.explore.said import LONGEST, clean
from energan.networks.text.minilm import sentence_codes
from energan.runs.folder import RunFolder
from energan.utils.errors import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("said") / "run", "gan-int-cls-mnist", steps=4, save_every=4)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    warnings: list[str] = []
    monkeypatch.setattr(said, "warn", warnings.append)
    return warnings


def test_both_nets_standardise_by_the_codes_that_training_had(run: Path) -> None:
    nets = energan.load(run).nets
    codes = nets["T"].codes[: int(nets["T"].count)]
    for net in (nets["G"], nets["D"]):
        torch.testing.assert_close(net.standard(codes).mean(0), torch.zeros(codes.shape[1]), rtol=0, atol=1e-2)
        assert float(net.standard.mean.norm()) > 0.1


def test_each_sentence_has_a_row_of_the_same_noise(run: Path, told: list[str]) -> None:
    asked = ["a red one", "a dark  blue one"]
    flags = [flag for text in asked for flag in ("--text", text)]
    assert main(["sample", str(run), *flags, "--n", "3", "--out", "x.npz"]) == 0 and not told
    images = np.load("x.npz")["images"]
    codes = sentence_codes(["a red one", "a dark blue one"])
    model = energan.load(run)
    for i, h in enumerate(codes):
        expected = model.sample(3, 0, conditions=h.expand(3, -1))
        assert np.array_equal(images[3 * i : 3 * i + 3], expected.numpy())
    assert main(["sample", str(run), *flags, "--n", "5"]) == 0
    with Image.open("samples.png") as sheet:
        assert sheet.size == (5 * 33 - 1, 2 * 33 - 1)


def test_words_that_no_caption_has_are_told(run: Path, told: list[str]) -> None:
    assert RunFolder(run).record["data"]["words"] == sorted(
        {"a", "red", "one", "dark", "blue", "b", "1", "number", *["0", "2", "4", "6", "8", "10"]}
    )
    assert main(["sample", str(run), "--text", "a RED zebra красная", "--n", "1"]) == 0
    assert told == ["no training caption has the words zebra, красная: what they ask for was not learned here"]


def test_many_unknown_words_are_counted(told: list[str]) -> None:
    said._tell_unknown(["i ii iii iv v vi vii"], {"data": {"words": ["x"]}})
    said._tell_unknown(["anything"], {"data": {"words": None}})  # more words than run.json has, or an older run
    assert told == [
        "no training caption has the words i, ii, iii, iv, v and 2 more: what they ask for was not learned here"
    ]


@pytest.mark.parametrize("text", ["", "  \n", ".,;", "🐈"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="the sentence has no words"):
        clean(text)


def test_a_text_that_would_not_be_read_to_its_end_is_refused() -> None:
    assert clean(" a \n b ") == "a b" and len(clean("x" * LONGEST)) == LONGEST
    with pytest.raises(UserError, match=r"sentence 2 of 3 has 10,000 characters, and 500 at most are read"):
        clean("x" * 10_000, 1, 3)


@pytest.mark.parametrize(
    ("command", "flags", "told"),
    [
        ("sample", ["--text", "", "--n", "2"], "has no words"),
        ("sample", ["--text", "a one", "--class", "3"], "both say what to draw"),
        ("sample", ["--text", "a one", "--path", "p.png"], "draws without chains"),
        ("sample", ["--class", "3"], "draws no classes"),
        ("walk", ["--to", "a one"], "between sentences, by --text and --to"),
        ("walk", ["--text", "a", "--to", "b", "--loop"], "--loop is for a walk through noise"),
        ("walk", ["--text", "a", "--text", "b"], "ends at --to"),
        ("walk", ["--n", "2"], "--pairs says how many rows"),
        ("walk", ["--text", "a", "--to", "b", "--classes", "0,1"], "between classes, by --classes"),
        ("walk", ["--classes", "0,1"], "draws no classes"),
        ("walk", ["--text", "a", "--to", "b", "--frames", "1"], "two frames or more"),
        ("walk", ["--text", "a", "--to", "b", "--rate", "2"], "draws without chains"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    run: Path, command: str, flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(run), *flags]) == 2
    assert told in sentence(capsys) and not list(Path.cwd().iterdir())


def test_a_walk_between_sentences_keeps_its_noise(run: Path) -> None:
    flags = ["--text", "a red one", "--text", "a dark blue one", "--to", "number 2", "--frames", "3", "--n", "2"]
    assert main(["walk", str(run), *flags]) == 0
    with Image.open("walk.png") as sheet:
        assert sheet.size == (5 * 33 - 1, 2 * 33 - 1)
        pixels = torch.from_numpy(np.asarray(sheet).copy()).permute(2, 0, 1)
    a, b, c = sentence_codes(["a red one", "a dark blue one", "number 2"])
    model = energan.load(run)
    for place, h in enumerate((a, (a + b) / 2, b, (b + c) / 2, c)):
        expected = model.sample(2, 0, conditions=h.expand(2, -1))
        for row in range(2):
            tile = pixels[:, 33 * row : 33 * row + 32, 33 * place : 33 * place + 32]
            assert (tile.int() - expected[row].int()).abs().max() <= 1  # lerp's rounding
    with Image.open("walk.gif") as film:
        assert film.n_frames == 5


def test_a_run_without_words_says_so(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = trained(tmp_path / "plain", "lsgan-mnist", steps=4, save_every=4)
    assert main(["sample", str(plain), "--text", "a red one"]) == 2
    assert "reads no sentences. Systems that do are gan-int-cls-mnist" in sentence(capsys)


def test_a_vocabulary_has_words_alone() -> None:
    assert vocabulary([("=1+1 <b>Ünï</b>", "ＡＢ"), ()]) == {"1", "b", "ünï", "ab"}
