"""Shape checks of the terms, and the same random numbers in every test."""

import gc
from collections.abc import Iterator
from functools import partial

import jaxtyping
import pytest
import torch
from hypothesis import settings
from shape_checks import untyped

from energan.engine.rng import seeded
from energan.utils.specification import trusting

# before anything imports energan.losses: every call then checks its shapes (an int may stand for a float)
jaxtyping.install_import_hook("energan.losses", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

gc.disable()  # while tests are collected: next to nothing of what is imported is garbage

settings.register_profile("energan", deadline=None, derandomize=True, max_examples=30, database=None)
settings.load_profile("energan")


@pytest.fixture(autouse=True)
def same_random_numbers() -> Iterator[None]:
    """Each test starts from torch's seed 0, whatever ran before it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True, scope="session")
def encoders_at_once() -> Iterator[None]:
    """Runs that invert the house's encoder do not train it first: it stays as it was initialised."""
    from energan.networks.pretrained import ENCODERS
    from energan.recipes.plug_and_play import encoder

    def untrained(data: str, classes: int, net: str = "thesis", value_range: object = None) -> torch.nn.Module:
        with seeded(0):
            return ENCODERS[net](classes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "trained_classifier", untrained)
        yield


@pytest.fixture(autouse=True, scope="session")
def untrained_features() -> Iterator[None]:
    """Auto-encoders of features see a MobileNetV2 as it was initialised: its weights are not fetched."""
    from energan.networks.conv import feature_autoencoder
    from energan.networks.conv.mobilenet_v2 import MobileNetV2

    def untrained() -> torch.nn.Module:
        with seeded(0):
            return MobileNetV2().eval()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_autoencoder, "mobilenet_v2", untrained)
        yield


@pytest.fixture(autouse=True, scope="session")
def small_previews() -> Iterator[None]:
    """Runs show 4 images while they train, measure 64 and look for the nearest of 64: more takes longer than training.

    Statistics of batch norm are of 3 batches, and images are drawn 16 at a time, where users have 16 and 250.
    """
    from energan.metrics.features.catalog import NETWORKS

    modules = ("capabilities.drawing.preview", "capabilities.inversion.preview", "training.watcher")
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(f"energan.{module}.SHEET", 4)
        patch.setattr("energan.capabilities.energies.preview.IMAGES", 16)
        patch.setattr("energan.capabilities.energies.measure.IMAGES", 64)
        patch.setattr("energan.capabilities.reference.MEASURED", 64)
        patch.setattr("energan.capabilities.reference.SEARCHED", 64)
        patch.setattr("energan.capabilities.drawing.diagnosis.SEARCHED", 256)
        patch.setattr("energan.inference.snapshot.BATCHES", 3)
        patch.setattr("energan.inference.model.CHUNK", 16)
        patch.setattr("energan.inference.chunks.CHUNK", 16)
        for name, network in NETWORKS.items():
            patch.setitem(NETWORKS, name, network._replace(samples=64))
        yield


@pytest.fixture(autouse=True, scope="session")
def trusted_helpers() -> Iterator[None]:
    """Runs that have a net of tests/helpers are opened as if by somebody who trusts it."""
    with trusting("tiny_encoder"):
        yield


@pytest.fixture(autouse=True)
def warnings_are_news() -> Iterator[None]:
    """What one test was told once, the next is told too."""
    from energan.utils.console import _warned

    _warned.clear()
    yield


@pytest.fixture(autouse=True, scope="session")
def a_key_of_the_tests_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run folders are signed by a key that is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENERGAN_STATE", str(tmp_path_factory.mktemp("state")))
        yield


COMPILERS = {"compile_cheaply", "trace_only", "compile_truly"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as `compiles` what asks for one of the fixtures that compile; puts the longest tests first.

    A page of the documentation takes up to a minute: last, it would run while the other workers are done.
    """
    items.sort(key=lambda item: not item.name.startswith("test_a_page_runs"))  # all others stay in their order
    for item in items:
        if COMPILERS & {*getattr(item, "fixturenames", ())}:
            item.add_marker("compiles")


def pytest_collection_finish() -> None:
    """Modules and tests, 800,000 objects, are there to the end: nobody looks through them for garbage again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture
def generator() -> torch.Generator:
    """A generator of the test's own, seed 0."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def compile_cheaply(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch.compile as the engine calls it: traced and differentiated as always, but no code is generated."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    with untyped():
        yield


@pytest.fixture
def trace_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """torch.compile that finds graph breaks and runs the traced graph as it is."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    with untyped():
        yield


@pytest.fixture
def compile_truly() -> Iterator[None]:
    """torch.compile with its own code generator."""
    with untyped():
        yield
