"""Images as people have them: each is read as what it is, or refused in one sentence; never as something else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from energan.games.gan.lsgan import lsgan
from energan.inference.model import Model
from energan.inference.pictures.images import as_pixels
from energan.utils.errors import UserError

COLOUR, GREY = (3, 5, 7), (1, 5, 7)


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def model(shape: tuple[int, int, int] | None) -> Model:
    d = 35 * (3 if shape == COLOUR else 1)
    G = nn.Sequential(nn.Linear(4, d), nn.Unflatten(1, shape or GREY), nn.Tanh())
    D = nn.Sequential(nn.Flatten(), nn.Linear(d, 1), nn.Flatten(0))
    return Model(lsgan(G, D, z=4), {"G": G, "D": D}, shape=shape)


COLOURS: dict[str, Callable[[np.ndarray], Any]] = {
    "tensor": torch.from_numpy,
    "array": lambda x: x,
    "channels last": lambda x: x.transpose(0, 2, 3, 1),
    "list of arrays": list,
    "list of tensors": lambda x: [*torch.from_numpy(x)],
    "list of Pillow's": lambda x: [Image.fromarray(i) for i in x.transpose(0, 2, 3, 1)],
    "read backwards": lambda x: x[::-1][::-1],
    "of big-endian numbers": lambda x: x.astype(">u1"),
}


@pytest.mark.parametrize("form", COLOURS)
def test_the_same_images_in_any_form_have_the_same_energies(form: str) -> None:
    m, x = model(COLOUR), pixels(4, *COLOUR)
    assert torch.equal(m.score(COLOURS[form](x)), m.score(torch.from_numpy(x)))


@pytest.mark.parametrize("form", ["(h, w)", "(1, h, w)", "(h, w, 1)", "Pillow"])
def test_one_grey_image_has_one_energy(form: str) -> None:
    m, x = model(GREY), pixels(5, 7)
    forms = {"(h, w)": x, "(1, h, w)": x[None], "(h, w, 1)": x[..., None], "Pillow": Image.fromarray(x)}
    assert torch.equal(m.score(forms[form]), m.score(torch.from_numpy(x)[None, None]))


def test_grey_images_need_no_axis_of_channels() -> None:
    m, x = model(GREY), pixels(4, 5, 7)
    assert torch.equal(m.score(x), m.score(x[:, None]))


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (0, 4095), (-5.5, 2.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_read_by_the_range_that_the_caller_names(value_range: tuple[float, float], dtype: type) -> None:
    x = pixels(6, *COLOUR)
    low, high = value_range
    floats = (x.astype(np.float64) / 255 * (high - low) + low).astype(dtype)
    read = as_pixels(floats, COLOUR, value_range)
    torch.testing.assert_close(read, torch.from_numpy(x).float(), rtol=0, atol=1e-3)
    assert model(COLOUR).score(floats, value_range=value_range).shape == (6,)


def test_integers_of_a_camera_are_read_by_their_range() -> None:
    read = as_pixels(np.full((1, 5, 7), 4095, dtype=np.uint16), GREY, (0, 4095))
    assert bool((read == 255).all())
    assert bool((as_pixels(np.ones((1, 5, 7), dtype=np.uint8), GREY, (0, 1)) == 255).all())
    assert as_pixels(pixels(1, 5, 7), GREY, (0, 255)).dtype == torch.uint8


REFUSED: dict[str, tuple[Any, str]] = {
    "floats": (np.zeros((2, 3, 5, 7), np.float32), "give value_range"),
    "integers": (np.zeros((2, 3, 5, 7), np.int64), "give value_range"),
    "booleans": (np.zeros((2, 3, 5, 7), bool), "give value_range"),
    "another size": (pixels(2, 3, 7, 5), "this model's are of 3 x 5 x 7"),
    "grey for colour": (pixels(2, 5, 7), "this model's are of 3 x 5 x 7"),
    "four channels": (pixels(2, 4, 5, 7), "this model's are of 3 x 5 x 7"),
    "no images": (pixels(0, 3, 5, 7), "there are no images"),
    "an empty list": ([], "(float|shape|no images)"),
    "a number": (3, "this model's are of"),
    "text": ("digits", "cannot be read as images"),
    "a dictionary": ({}, "cannot be read as images"),
    "nothing": (None, "cannot be read as images"),
    "objects": (np.array([None, 1], dtype=object), "cannot be read as images"),
    "several sizes": ([pixels(3, 5, 7), pixels(3, 7, 7)], "several sizes"),
    "several types": ([pixels(3, 5, 7), np.zeros((3, 5, 7))], "several types"),
    "transparency": (Image.new("RGBA", (7, 5)), "has the mode RGBA"),
    "16 bits": (Image.new("I;16", (7, 5)), "has the mode I;16"),
    "a masked array": (np.ma.masked_greater(pixels(2, 3, 5, 7), 3), "masked array"),
    "no values": (torch.zeros(2, 3, 5, 7, dtype=torch.uint8, device="meta"), "no plain numbers"),
    "complex": (torch.zeros(2, 3, 5, 7, dtype=torch.complex64), "no plain numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_one_sentence(case: str) -> None:
    images, sentence = REFUSED[case]
    with pytest.raises(UserError, match=sentence) as error:
        model(COLOUR).score(images)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.2, 255.0])
def test_values_outside_of_the_range_are_refused(value: float) -> None:
    x = np.full((2, 3, 5, 7), 0.5)
    x[1, 0, 0, 0] = value
    with pytest.raises(UserError, match=r"NaN or infinite|outside of value_range \(0, 1\)"):
        model(COLOUR).score(x, value_range=(0, 1))


@pytest.mark.parametrize("value_range", [(1, 0), (0, 0), (0, float("inf")), (0,), "ab", 3, (0, None)])
def test_ranges_that_are_none(value_range: Any) -> None:
    with pytest.raises(UserError, match="value_range"):
        model(COLOUR).score(np.zeros((2, 3, 5, 7)), value_range=value_range)
    with pytest.raises(UserError, match="value_range"):
        model(COLOUR).score(pixels(2, 3, 5, 7), value_range=value_range)


def test_axes_that_can_be_read_in_two_ways_are_refused() -> None:
    with pytest.raises(UserError, match="first or last"):
        as_pixels(pixels(4, 3, 3, 3), (3, 3, 3))


def test_without_a_known_shape_the_networks_say_what_does_not_fit() -> None:
    with pytest.raises(UserError, match="do not take images of 1 x 5 x 8"):
        model(None).score(pixels(2, 1, 5, 8))
    with pytest.raises(UserError, match=r"\(n, channels, height, width\)"):
        model(None).score(pixels(2, 5, 7))


@pytest.mark.parametrize(
    "around", [torch.autocast("cpu", torch.bfloat16), torch.inference_mode(), torch.device("meta")]
)
def test_what_is_set_around_a_model_changes_no_number(around: Any) -> None:
    m, x = model(COLOUR), pixels(4, *COLOUR)
    energies, images = m.score(x), m.sample(2, seed=1)
    with around:
        assert torch.equal(m.score(x), energies) and torch.equal(m.sample(2, seed=1), images)
