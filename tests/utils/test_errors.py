"""An error names parameters: Python reads their names, the command line their flags."""

import pickle

import pytest

from energan import cli
from energan.data import Batches, load
from energan.estimators.ebgan import EBGAN
from energan.utils.checks import at_least
from energan.utils.errors import UserError


def test_python_reads_names_and_the_command_line_flags() -> None:
    error = UserError("`save_every` 3 and `batch` 2 do not fit: lower `batch`")
    assert isinstance(error, ValueError) and error.argument == "save_every"
    assert str(error) == "save_every 3 and batch 2 do not fit: lower batch"
    assert error.with_flags() == "--save-every 3 and --batch 2 do not fit: lower --batch"


@pytest.mark.parametrize("text", ["it is full", "go on by `energan resume runs/x`", "`Net` is no module", "a ` b ` c"])
def test_what_is_no_parameter_stays_as_it_is(text: str) -> None:
    error = UserError(text)
    assert str(error) == error.with_flags() == text and error.argument == ""


def test_a_keyword_of_python_loses_its_underscore() -> None:
    assert UserError("`class_` is none").with_flags() == "--class is none"


def test_it_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(UserError("`batch` must be 2 or more, got 1")))
    assert error.with_flags() == "--batch must be 2 or more, got 1"


def test_one_error_in_both_faces(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"^batch must be 2 or more, got 1$"):
        at_least(2, batch=1)
    monkeypatch.setattr(cli, "_dispatch", lambda arguments: at_least(2, batch=1))
    assert cli.main(["train"]) == 2
    assert capsys.readouterr().err == "energan: --batch must be 2 or more, got 1\n"


def test_the_library_and_the_estimators_name_parameters() -> None:
    digits = load("digits")
    with pytest.raises(UserError, match="lower batch to 1541 or less") as refused:
        Batches(digits.images, digits.labels, 5000, seed=0)
    assert refused.value.argument == "batch"
    with pytest.raises(UserError, match=r"^size must be 2 or more, got 1$"):
        load("digits", size=1)
    with pytest.raises(ValueError, match=r"^device tpu: not a device") as of_estimator:
        EBGAN(device="tpu").fit(digits.images[:8, 0].numpy())
    assert "--" not in str(of_estimator.value)
