"""What is measured and shown of a system that is asked with sentences: by hand, hostile sentences, the report."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from report_runs import make_run, page_of, sheet, text_of
from torch import Tensor, nn

from energan.capabilities.conditions.kinds import KINDS
from energan.capabilities.conditions.text import measure, preview
from energan.capabilities.conditions.text.section import words
from energan.data import ImageSet
from energan.data.named.captioned.wording import FACTS, facts
from energan.engine.game import Conditions, Game, Player
from energan.inference.model import Model
from energan.runs.reader import read

HOSTILE = ("<script>alert(1)</script>", "=1+1", "\x1b[2Jgone\nnext", "кот 🐈 " * 60)


def encode(sentences: tuple[str, ...]) -> Tensor:
    """The brightness, in [-1, 1], of the images that say theirs."""
    return torch.tensor([[float(text) / 127.5 - 1] for text in sentences])


def images_of(brightness: list[int], captions: list[tuple[str, ...]] | None = None) -> ImageSet:
    images = torch.tensor(brightness, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()
    said = captions or [(str(b),) for b in brightness]
    return ImageSet(images, None, "mine", (), "", "", ())._replace(captions=tuple(said))


def model(match) -> Model:
    net = nn.Linear(1, 1)
    conditions = Conditions("text", match, data="h", draw=lambda p, b: b.u)
    game = Game({"G": Player(net)}, {}, sample=lambda p, b: b.c[:, :, None, None], conditions=conditions)
    return Model(game, {"G": net}, shape=(1, 4, 4))


def run_of(data: ImageSet, match, n: int = 500) -> SimpleNamespace:
    experiment = SimpleNamespace(sentences=(encode, 1), source="digits", test_set=lambda: data)
    return SimpleNamespace(experiment=experiment, model=model(match), n=n, seed=0, training=data)


def reading(p, b) -> Tensor:
    return -(b.x.mean((1, 2, 3)) - b.c[:, 0]).square()


def test_a_system_that_reads_prefers_an_images_own_words_and_finds_them() -> None:
    data = images_of(list(range(250)))
    found = measure.measure(run_of(data, reading))
    assert found["metrics"] == {"own words preferred": 1.0, "R@1": 1.0, "R@10": 1.0}
    told = found["conditions"]
    assert told["swapped"] == 250 and told["searched"] == 200 and told["candidates"] == 100  # two whole groups
    assert told["own"] == pytest.approx(0, abs=1e-6) and told["other"] < -0.1
    wrong = measure.measure(run_of(data, lambda p, b: -reading(p, b)))["metrics"]
    assert wrong == {"own words preferred": 0.0, "R@1": 0.0, "R@10": 0.0}


def test_a_system_that_does_not_read_has_no_preference() -> None:
    blind = measure.measure(run_of(images_of(list(range(120))), lambda p, b: b.x.mean((1, 2, 3))))["metrics"]
    assert blind == {"own words preferred": 0.5, "R@1": 0.0, "R@10": 0.0}  # of equal matches, half count as better


def test_images_that_share_words_are_not_swapped_and_equal_sentences_not_searched_twice() -> None:
    half = images_of([10, 20] * 30)
    found = measure.measure(run_of(half, reading))
    assert found["metrics"] == {"own words preferred": 1.0} and 0 < found["conditions"]["swapped"] < 60
    assert found["conditions"]["candidates"] == 2
    alike = images_of([10, 20, 30], [("5",)] * 3)
    assert measure.measure(run_of(alike, reading))["metrics"] == {}
    assert measure.measure(run_of(half._replace(captions=()), reading)) == {}


def test_match_of_pairs_is_that_of_each_pair() -> None:
    data = images_of([0, 100, 200])
    codes = encode(("200", "100", "50"))
    pairs = measure.matches(model(reading), data.images, codes)
    whole = measure.match(model(reading), data.images, codes)
    torch.testing.assert_close(pairs, whole.diagonal())


def test_words_are_judged_of_seen_and_of_unseen_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample is said to be red; a third of the sentences ask for that."""
    said = [("a thick red seven",), ("a thin blue one",), ("a green two",)] * 4
    data = images_of([0] * 12, said)._replace(images=torch.zeros(12, 3, 32, 32, dtype=torch.uint8))
    run = run_of(data, lambda p, b: b.c[:, 0])
    run.experiment.source, run.experiment.given = measure.WORDED, lambda source, split: data
    run.experiment.sentences = (lambda sentences: torch.zeros(len(sentences), 1), 1)
    run.model.shape = (3, 32, 32)
    asked: list[list] = []

    def agreement(images: Tensor, of: list) -> dict[str, float]:
        asked.append(of)
        return {**dict.fromkeys(FACTS, 0.5), "colour": sum(f.colour == "red" for f in of) / len(of), "all": 0.25}

    monkeypatch.setattr(measure, "agreement", agreement)
    monkeypatch.setattr(Model, "sample", lambda self, n, seed, conditions: torch.zeros(n, 3, 32, 32))
    found = measure.measure(run)
    mean = (4 * 0.5 + 1 / 3) / 5
    of_words = {name: value for name, value in found["metrics"].items() if name.startswith("words")}
    assert of_words == {name: pytest.approx(mean) for name in measure.METRICS if name.startswith("words")}
    assert set(found["conditions"]["words"]) == {"test", "zero-shot", "real"} and found["conditions"]["judged"] == 12
    assert asked[0][0] == facts("a thick red seven")


def test_the_sheet_asks_for_training_sentences_and_shows_them_on_one_line() -> None:
    data = images_of([0] * 4, [(text,) for text in HOSTILE])
    experiment = SimpleNamespace(sentences=(lambda said: torch.tensor([[float(len(text))] for text in said]), 1))
    asked = preview.asked(experiment, data)
    assert asked.rows[:, 0].tolist() == [len(text) for text in HOSTILE]  # the sentence itself is read
    assert asked.names[0] == HOSTILE[0] and asked.names[2] == "\\x1b[2Jgone next"
    assert all(len(name) <= preview.LONGEST and "\n" not in name for name in asked.names)


def test_the_report_shows_sentences_as_text_and_survives_any_measurement(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    config = json.loads((run / "run.json").read_text())
    config["game"] |= {"conditions": {"kind": "text"}, "readouts": ["sample", "conditions"]}
    (run / "run.json").write_text(json.dumps(config))
    names = [preview.shown(text) for text in HOSTILE]
    sheet(torch.zeros(40, 8, 8, dtype=torch.uint8).numpy(), 10).save(run / "asked.png")
    evaluation = json.loads((run / "evaluation.json").read_text())
    shares = {**dict.fromkeys(FACTS, 0.5), "all": 0.125}
    evaluation["conditions"] = {
        "kind": "text", "rows": names, "columns": 10, "where": "mine, held out", "swapped": 9,
        "words": {"test": shares, "zero-shot": {**shares, "digit": None}, "real": "none"},
    }  # fmt: skip
    evaluation["metrics"] |= {"own words preferred": 0.75, "words obeyed": 0.5}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    page = page_of(run)
    assert "<script>alert(1)</script>" not in page and "alert(1)" in text_of(run)
    assert "own words preferred" in page and "50.0 %" in page and "12.5 %" in page
    assert "Of the words asked for, 50.0 % are true" in text_of(run)
    for broken in ({}, {"rows": 3}, {"rows": [{}], "columns": -1}, {"words": [], "columns": "x", "rows": None}):
        (run / "evaluation.json").write_text(json.dumps({**evaluation, "conditions": {"kind": "text", **broken}}))
        assert words(read(run))["rows"] in ([], None)
    assert 'id="words"' in page_of(run)


def test_what_was_measured_is_said_in_words() -> None:
    kind = KINDS["text"]
    assert kind.summary({}) == ""
    assert kind.summary({"swapped": 9, "where": "mine, held out"}) == "words of 9 images (mine, held out) swapped"
