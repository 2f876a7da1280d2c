"""Reproductions of latent spaces in a few steps: cells are trained, measured once, kept, shown. Two are slow."""

from pathlib import Path

import pytest
import torch
from small_runs import pictures

from reproductions import stacked, two_stage, vae_gan
from reproductions.cells import of_reconstructions


def rows(out: Path) -> list[str]:
    assert (out / "figure.png").stat().st_size > 1000
    return (out / "table.md").read_text().splitlines()[2:]


def test_the_path_to_vae_gan(tmp_path: Path) -> None:
    small = ["--data", "digits", "--net", "mlp", "--width", "2", "--steps", "2", "--samples", "40"]
    small += ["--only", "VAE/GAN", "--out", str(tmp_path)]
    vae_gan.main(small)
    first = rows(tmp_path)
    assert [row.split(" | ")[0] for row in first] == ["| VAE/GAN"] and "–" not in first[0]
    before = (tmp_path / "vae-gan-0" / "ablation.json").stat().st_mtime_ns
    vae_gan.main(small)
    assert rows(tmp_path) == first and (tmp_path / "vae-gan-0" / "ablation.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_two_stages_are_shown_beside_one(tmp_path: Path) -> None:
    small = ["--data", "digits", "--width", "2", "--steps", "4", "--samples", "40", "--out", str(tmp_path)]
    two_stage.main(small)
    found = rows(tmp_path)
    assert [row.split(" | ")[0][2:] for row in found] == [two_stage.SINGLE, two_stage.BLUR, two_stage.CLEAR]
    drawn = two_stage.models(tmp_path / "two-stage-0")
    assert not torch.equal(drawn[two_stage.BLUR].sample(2), drawn[two_stage.CLEAR].sample(2))


@pytest.mark.slow
def test_modes_of_stacked_digits_are_counted(tmp_path: Path) -> None:
    small = ["--data", str(pictures(tmp_path / "pictures", 64)), "--width", "4", "--steps", "2", "--samples", "40"]
    stacked.main([*small, "--only", "GAN", "mode-regularised", "--out", str(tmp_path / "out")])
    assert len(rows(tmp_path / "out")) == 2


def test_reconstructions_by_hand() -> None:
    images = torch.randint(256, (40, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    same = of_reconstructions(images, images.clone(), "mnist")
    assert same == {"pixel RMS": 0.0, "feature distance": 0.0}
    shifted = of_reconstructions(images // 2, images // 2 + 51, "mnist")
    assert shifted["pixel RMS"] == pytest.approx(0.2) and shifted["feature distance"] > 0
