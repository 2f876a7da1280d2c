"""restyle: a sheet of images and sentences, an encoder that is kept, and what is refused."""

from pathlib import Path

import pytest
from PIL import Image
from small_runs import captioned_pictures, sentence, trained

from energan.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("restyled") / "run", "gan-int-cls-mnist", steps=4, save_every=4)


def test_each_image_has_a_row_and_the_encoder_is_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images = str(captioned_pictures(tmp_path / "images"))
    asked = ["restyle", str(run), images, "--text", "a red one", "--text", "a dark blue one", "--n", "3"]
    assert main([*asked, "--encoder-steps", "2"]) == 0
    assert "3 images with 2 sentences in restyled.png; the encoder’s error of z is" in capsys.readouterr().out
    with Image.open("restyled.png") as sheet:
        assert sheet.size == (3 * 33 - 1, 3 * 33 - 1)
    first, kept = Path("restyled.png").read_bytes(), run / "style_encoder.safetensors"
    written = kept.read_bytes()
    monkeypatch.setattr("energan.inference.style.trained_encoder", lambda model, steps: pytest.fail("trained again"))
    assert main([*asked, "--encoder-steps", "2"]) == 0
    assert Path("restyled.png").read_bytes() == first and kept.read_bytes() == written
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main([*asked, "--encoder-steps", "3"]) == 0 and kept.read_bytes() != written
    kept.write_bytes(written[:-9])
    assert main([*asked, "--encoder-steps", "2"]) == 2
    assert "is damaged" in sentence(capsys)
    kept.unlink()


def test_nothing_is_drawn_without_a_sentence(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restyle", str(run), "digits"]) == 2
    assert "give a sentence or more" in sentence(capsys)


def test_a_run_that_reads_no_sentences_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = trained(tmp_path / "plain", "lsgan-mnist", steps=4, save_every=4)
    assert main(["restyle", str(plain), "digits", "--text", "a seven"]) == 2
    assert "reads no sentences" in sentence(capsys)
