"""Style transfer: an encoder that reads the noise back from samples, and images drawn with other conditions."""

import pytest
import torch
from torch import Tensor, nn

from energan.engine.game import Conditions, Game, Player
from energan.engine.noise import normal
from energan.inference.model import Model
from energan.inference.style import encoder_of, restyled, trained_encoder
from energan.networks.conditional.gan_cls import StyleEncoder
from energan.utils.errors import UserError

Z, C = 2, 3


class Drawn(nn.Module):
    """Channel 0 of 8 x 8 shows z, the left half z_1 and the right half z_2; channel 1 shows the first of c."""

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        halves = torch.tanh(z / 4).repeat_interleave(4, 1)[:, None].expand(-1, 8, -1)
        return torch.stack([halves, c[:, :1, None].expand(-1, 8, 8)], 1)


def model(size: int = 8, conditions: bool = True) -> Model:
    asked = Conditions("text", lambda p, b: b.c[:, 0], data="h") if conditions else None
    game = Game(
        players={"G": Player(Drawn())},
        turns={},
        noise={"z": normal(Z), **({"c": normal(C)} if conditions else {})},
        sample=lambda p, b: p.G(b.z, b.c),
        conditions=asked,
    )
    return Model(game, {"G": game.players["G"].net}, shape=(2, size, size))


def test_the_encoder_reads_the_noise_back() -> None:
    few, many = (trained_encoder(model(), steps)[1] for steps in (1, 60))
    assert many < 0.5 < few
    S = trained_encoder(model(), 1)[0]
    assert not S.training and not any(w.requires_grad for w in S.parameters())


def test_the_style_is_the_images_and_the_rest_is_what_was_asked() -> None:
    class Exact(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 4 * torch.atanh(x[:, 0, 0, [0, 7]].clamp(-0.99, 0.99))

    m, asked = model(), torch.tensor([[0.5, 0, 0], [-0.5, 0, 0]])
    images = m.sample(3, seed=1)
    out = restyled(m, Exact(), images, asked)
    assert out.shape == (3, 2, 2, 8, 8) and out.dtype == torch.uint8
    assert (out[:, :, 0].int() - images[:, None, 0].int()).abs().max() <= 2  # z as it was, to the rounding of bytes
    assert (out[:, 0, 1] == 191).all() and (out[:, 1, 1] == 64).all()


def test_a_system_that_cannot_be_asked_has_no_style() -> None:
    with pytest.raises(UserError, match="cannot be asked"):
        encoder_of(model(conditions=False))


@pytest.mark.parametrize("size", [4, 12])
def test_images_of_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(UserError, match="squares of 8, 16, 32"):
        encoder_of(model(size))


def test_the_encoders_parameters_are_counted_by_hand() -> None:
    S = StyleEncoder(10, channels=3, size=16, width=4)
    by_hand = (3 * 4 * 16 + 4) + 4 * 8 * 16 + 2 * 8 + (8 * 10 * 16 + 10)
    assert sum(w.numel() for w in S.parameters()) == by_hand
