"""Margin advice: the auto-encoder's converged energy on the digits, and what is said about it."""

import re
from itertools import pairwise

import pytest
import torch
from small_runs import sentence

from energan.cli import main
from energan.commands.margin import _maps, margin
from energan.data import ImageSet, load
from energan.engine.rng import seeded
from energan.networks.conv.autoencoder import Autoencoder
from energan.training.margin import FLAT, ROOM, converged_energy


def digits() -> ImageSet:
    return load("digits", size=8, channels=1, progress=False)


def energies(steps: int, lr: float = 1e-3, seed: int = 0) -> list[float]:
    with seeded(seed):
        net = Autoencoder(channels=1, maps=(8, 16))
    return converged_energy(net, digits(), steps=steps, batch=16, seed=seed, lr=lr)


def test_the_energy_falls_and_training_stops_when_it_no_longer_does() -> None:
    means = energies(3000)
    assert means[0] > 1.5 * means[-1] > 0
    assert 3 <= len(means) < 30
    falls = [b <= (1 - FLAT) * a for a, b in pairwise(means[1:])]
    assert all(falls[:-1]) and not falls[-1]


def test_steps_are_an_upper_bound() -> None:
    assert len(energies(250)) == 2
    assert len(energies(7)) == 1
    assert energies(1)[0] == pytest.approx(first_energy(), rel=1e-5)


def first_energy() -> float:
    """E(x) of the untrained net on the first batch: ||D(x) - x||."""
    from energan.data import Batches

    with seeded(0):
        net = Autoencoder(channels=1, maps=(8, 16))
    x = Batches(digits().images, None, 16, 0)(0)["x"]
    return float((net.train()(x)[0] - x).flatten(1).norm(dim=1).mean().detach())


def test_the_same_seed_advises_the_same() -> None:
    assert energies(20) == energies(20) != energies(20, seed=1)


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["margin", "--data", "digits", "--size", "8", "--steps", "120", "--batch", "16"]) == 0
    said = capsys.readouterr().out
    assert "the auto-encoder alone on 1541 images of digits, 1 x 8 x 8:" in said
    means = re.search(r"E\(x\) by 100 steps: ([\d.]+) \(may still fall: more --steps\)", said)
    proposal = re.search(r"--margin ([\d.]+) \(RMS ([\d.]+) a pixel\)", said)
    others = re.search(r"--energy ssq --margin ([\d.]+), --energy mse --margin ([\d.]+)\.", said)
    assert means and proposal and others
    m, rms = float(proposal[1]), float(proposal[2])
    assert m == pytest.approx(ROOM * float(means[1]), rel=0.05)  # two digits of it
    assert rms == pytest.approx(m / 8, rel=0.01)  # 64 pixels
    assert float(others[1]) == pytest.approx(m**2, rel=0.01)
    assert float(others[2]) == pytest.approx(m**2 / 64, rel=0.01)


def test_the_measurement_names_its_number_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert margin(data="digits", size=8, channels=1, steps=5, batch=16, seed=0) == 0
    assert "E(x) by 5 steps: " in capsys.readouterr().out
    assert torch.initial_seed() == 0  # torch's own random numbers are left alone


@pytest.mark.parametrize(
    ("size", "width", "maps"),
    [(32, 0, [32, 64, 128]), (64, 0, [64, 128, 256]), (64, 8, [8, 16, 32]), (128, 0, [64, 128, 256, 512])],
)
def test_the_auto_encoder_is_the_recipes(size: int, width: int, maps: list[int]) -> None:
    assert _maps(size, width) == maps


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--size 12", "--size must be a multiple of 8, got 12"),
        ("--size 0", "--size must be above 0"),
        ("--steps 0", "--steps must be above 0"),
        ("--batch 1", "--batch must be 2 or more"),
        ("--batch 5000", "a batch of 5000 cannot be drawn from 1541 images"),
        ("--seed -1", "--seed must be from 0"),
        ("--width -1", "--width must be 0 or above"),
        ("--channels 2", "3 (RGB) or 4 (RGB and opacity) --channels, not 2"),
        ("--data nowhere", "there is no nowhere"),
    ],
)
def test_bad_flags(capsys: pytest.CaptureFixture[str], flags: str, expected: str) -> None:
    told = ["--data", "digits", "--size", "8", "--steps", "2", *flags.split()]
    assert main(["margin", *told]) == 2
    assert expected in sentence(capsys)


def test_patches_are_what_the_auto_encoder_is_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Of images of 16 pixels a side, squares of 8: other energies than of the whole at 8."""
    settings = {"data": "digits", "size": 8, "channels": 1, "steps": 5, "batch": 16, "seed": 0}
    margin(**settings, patches=16)
    of_patches = capsys.readouterr().out
    margin(**settings)
    assert capsys.readouterr().out != of_patches
    net = Autoencoder(channels=1, maps=(4, 8))
    seen: list[torch.Size] = []
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))
    converged_energy(net, load("digits", size=16, progress=False), steps=1, batch=4, seed=0, crop=8)
    assert seen == [(8, 8)]
