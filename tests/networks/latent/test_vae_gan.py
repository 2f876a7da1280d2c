"""VAE/GAN's networks against the authors': layers, features, ranges, sizes that are refused."""

import pytest
from network_facts import count, images, kinds, number, weight_layers
from torch import nn

from energan.networks.latent import vae_gan
from energan.networks.layers import BatchNorm
from energan.utils.errors import UserError


@pytest.mark.parametrize(("size", "second"), [(64, 256), (32, 192)])
def test_the_nets_have_the_authors_layers(size: int, second: int):
    E, G, D = vae_gan.encoder(128, size=size), vae_gan.decoder(128, size=size), vae_gan.discriminator(size=size)
    s = (size // 8) ** 2
    assert [tuple(layer.weight.shape[:2]) for layer in weight_layers(E)] == [
        (64, 3), (128, 64), (256, 128), (1024, 256 * s), (256, 1024),
    ]  # fmt: skip
    assert [tuple(layer.weight.shape[:2]) for layer in weight_layers(G)] == [
        (256 * s, 128), (256, second), (second, 128), (128, 32), (3, 32),
    ]  # fmt: skip
    assert [tuple(layer.weight.shape[:2]) for layer in weight_layers(D)] == [
        (32, 3), (128, 32), (second, 128), (256, second), (512, 256 * s), (1, 512),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [32, 64])
def test_images_and_features(size: int):
    shape = {"channels": 1, "size": size, "width": 2}
    E, G, D = vae_gan.encoder(5, **shape), vae_gan.decoder(5, **shape), vae_gan.discriminator(**shape)
    q = E(images(3, size))
    x = G(q.mean)
    said = D(x)
    assert q.log_variance.shape == (3, 5) and x.shape == (3, 1, size, size) and number(x.abs().max()) <= 1
    assert said.logits.shape == (3,) and said.features.shape == (3, 8 * (size // 8) ** 2)


def test_features_are_read_before_batch_norm():
    for D in (vae_gan.discriminator(size=32, width=2), vae_gan.mlp_discriminator(size=4)):
        assert isinstance(D.top[0], BatchNorm) and isinstance(list(D.features.modules())[-1], nn.Conv2d | nn.Linear)


def test_fully_connected_nets_are_the_authors():
    E, G, D = vae_gan.mlp_encoder(64), vae_gan.mlp_decoder(64), vae_gan.mlp_discriminator()
    hidden = 1024 * 1024 + 2 * 1024  # and batch norm's
    assert count(E) == 784 * 1024 + 2 * 1024 + hidden + 1024 * 128 + 128
    assert count(G) == 64 * 1024 + 2 * 1024 + hidden + 1024 * 784 + 784
    assert count(D) == 784 * 1024 + 2 * 1024 + hidden + 1024 + 1
    assert kinds(G)[-1] == "Tanh" and D(images()).features.shape == (3, 1024)


@pytest.mark.parametrize(
    ("settings", "said"), [({"size": 48}, "32 or 64 pixels"), ({"width": 1}, "width of 2 or more")]
)
def test_what_the_authors_have_no_nets_for_is_refused(settings, said):
    for make in (vae_gan.discriminator, lambda **s: vae_gan.encoder(3, **s), lambda **s: vae_gan.decoder(3, **s)):
        with pytest.raises(UserError, match=said):
            make(**settings)
