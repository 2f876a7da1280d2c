"""The page that draws, in a real browser, from disk; and onnxruntime-web's results beside torch's."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from browser import CHROMEDRIVER, CHROMIUM, asked, chromium, eventually, said
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from small_ladder import shifted_ladder

from energan.engine.game import Batch, Players
from energan.games.conditional.conditional import conditional
from energan.games.energy.ebgan import ebgan
from energan.games.gan.gan import gan
from energan.games.semi_supervised.ladder import ladder
from energan.inference.model import Model
from energan.inference.onnx import write_onnx
from energan.networks.dense import mlp
from energan.networks.layers.batch_norm import measure_batch_norm
from energan.networks.layers.condition import Joined, Planes
from energan.utils.errors import UserError

MKDOCS = Path(__file__).parents[2] / "docs" / "mkdocs"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the PATH (Debian: chromium)"),
    pytest.mark.skipif(not CHROMEDRIVER, reason="no chromedriver on the PATH (Debian: chromium-driver)"),
]

UNIFORM = {"kind": "uniform", "mean": 0.0, "deviation": 3**-0.5}
NORMAL = {"kind": "normal", "mean": 0.0, "deviation": 1.0}


@pytest.fixture(scope="module")
def drawing() -> Any:
    sys.path.insert(0, str(MKDOCS))
    try:
        import drawing
    finally:
        sys.path.remove(str(MKDOCS))
    return drawing


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        driver.set_script_timeout(60)
        yield driver


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """Small models: one of classes, one with an energy, one that classifies."""
    G, D = (
        Joined(mlp.Generator(4 + 3, (1, 6, 6), layers=2, size=8), conditions=3),
        Planes(mlp.Discriminator((4, 6, 6), layers=2, size=8), conditions=3),
    )
    G_e, D_e = mlp.Generator(5, (3, 6, 6), layers=2, size=8), mlp.Autoencoder((3, 6, 6), layers=2, size=8)
    E = shifted_ladder()
    images, game = torch.rand(9, 1, 4, 4) * 2 - 1, ladder(E)
    assert game.logits is not None
    measure_batch_norm([E], lambda: game.logits(Players({"D": E}), Batch({"x": images})), 1)
    return {
        "conditional-dcgan-mnist": Model(conditional(gan(G, D, 4), 3), {"G": G, "D": D}, shape=(1, 6, 6)),
        "ebgan-pt-mnist": Model(ebgan(G_e, D_e, 5, margin=1.0), {"G": G_e, "D": D_e}, shape=(3, 6, 6)),
        "ladder": Model(game, {"D": E}, shape=(1, 4, 4)),
    }


@pytest.fixture(scope="module")
def site(models: dict[str, Model], drawing: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page without the theme: its scripts, and exports of the small models."""
    site = tmp_path_factory.mktemp("site & more") / "ünïcode"
    shutil.copytree(MKDOCS / "draw", site / "mkdocs" / "draw")
    (site / "draw").mkdir()
    try:
        (site / "draw" / "runtime.js").write_text(drawing.runtime_script())
    except UserError as error:
        pytest.skip(f"onnxruntime-web cannot be had here: {error}")
    listed = []
    for name, noise, classes in (
        ("conditional-dcgan-mnist", UNIFORM, ["<b>", "=1+1", "ü"]),
        ("ebgan-pt-mnist", NORMAL, None),
    ):
        model, out = models[name], site / name
        z = model.noise(2, torch.Generator().manual_seed(0))
        inputs = dict(zip(model.generator.inputs, z, strict=True))
        write_onnx(model.generator, inputs, out / "generator.onnx", half=True)
        if "energy" in drawing.MODELS[name][1]:
            write_onnx(model.energy, {"x": model.generator(*z)}, out / "energy.onnx", half=True)
        generator = {
            "inputs": {k: list(v.shape[1:]) for k, v in inputs.items()},
            "noise": {"z": noise},
            "classes": classes,
        }
        (out / "model.json").write_text(json.dumps({"parts": {"generator": generator}}))
        script = drawing.script_of(name, out, list(model.shape or ()))
        (site / "draw" / f"{name}.js").write_text(script)
        listed.append({"name": name, "title": drawing.MODELS[name][0], "bytes": len(script)})
    write_onnx(models["ladder"].classifier, {"x": torch.rand(2, 1, 4, 4) * 2 - 1}, site / "ladder" / "classifier.onnx")
    (site / "draw" / "models.js").write_text(f"window.energanZoo = {json.dumps(listed)};")
    (site / "draw.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>x</title><link rel="icon" href="data:,">'
        '<div id="draw" class="draw"></div><script src="mkdocs/draw/draw.js"></script>'
    )
    return site


def visit(browser: webdriver.Chrome, page: Path) -> None:
    browser.get("about:blank")
    said(browser), asked(browser)
    browser.get(page.resolve().as_uri())


def count(browser: webdriver.Chrome, what: str) -> int:
    return int(browser.execute_script(f"return document.getElementById('draw').dataset.{what} ?? 0"))


def after(browser: webdriver.Chrome, what: str, act: Callable[[], object]) -> None:
    """Acts, and waits until the page has drawn or moved once more."""
    before = count(browser, what)
    act()
    assert eventually(lambda: count(browser, what) > before), browser.find_element(By.ID, "draw").text


def pictures(browser: webdriver.Chrome) -> list[str]:
    return browser.execute_script("return [...document.querySelectorAll('#draw canvas')].map((c) => c.toDataURL())")


def named(browser: webdriver.Chrome, css: str) -> list[Any]:
    return browser.find_elements(By.CSS_SELECTOR, f"#draw {css}")


def test_buttons_classes_seed_and_slider_work_from_disk(browser: webdriver.Chrome, site: Path) -> None:
    visit(browser, site / "draw.html")
    assert eventually(lambda: count(browser, "moved") > 0), browser.find_element(By.ID, "draw").text
    first = pictures(browser)
    assert len(first) == 30 + 3 and len(set(first)) > 25
    labels = [c.get_attribute("aria-label") for c in named(browser, ".draw-sheet canvas")]
    assert labels[:4] == ["image 1, a <b>", "image 2, a =1+1", "image 3, a ü", "image 4, a <b>"]

    button, seed = named(browser, ".draw-actions button")[0], browser.find_element(By.ID, "draw-seed")
    button.send_keys(Keys.ENTER)
    assert eventually(lambda: pictures(browser)[:30] != first[:30]) and pictures(browser)[30:] == first[30:]
    seed.clear()
    seed.send_keys("1", Keys.ENTER)
    assert eventually(lambda: pictures(browser)[:30] == first[:30])

    classes = named(browser, "input[name=draw-class]")
    assert [c.get_attribute("value") for c in classes] == ["", "0", "1", "2"]
    classes[0].send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert eventually(lambda: named(browser, ".draw-sheet canvas")[0].get_attribute("aria-label") == "image 1, a =1+1")

    slider, where = browser.find_element(By.ID, "draw-slider"), browser.find_element(By.ID, "draw-where")
    for key, place, end in ((Keys.HOME, "0 %", 30), (Keys.END, "100 %", 32)):
        slider.send_keys(key)
        assert eventually(lambda place=place: where.text == place)
        assert eventually(lambda end=end: pictures(browser)[31] == pictures(browser)[end])
    assert pictures(browser)[30] != pictures(browser)[32]

    for control in named(browser, "input, #draw button"):
        label = browser.execute_script(
            "return arguments[0].labels?.[0]?.textContent || arguments[0].textContent", control
        )
        assert label.strip(), control.get_attribute("outerHTML")


def test_energies_are_shown_in_their_order(browser: webdriver.Chrome, site: Path) -> None:
    visit(browser, site / "draw.html")
    assert eventually(lambda: count(browser, "moved") > 0)
    after(browser, "moved", named(browser, "input[name=draw-model]")[1].click)
    energies = [float(each.text) for each in named(browser, "figcaption")]
    assert len(energies) == 30 and energies == sorted(energies) and energies[0] < energies[-1]
    assert "energy" in browser.find_element(By.ID, "draw-where").text
    assert not browser.find_elements(By.CSS_SELECTOR, "input[name=draw-class]")
    addresses = asked(browser)
    assert all(address.startswith(("data:", "blob:", site.resolve().as_uri())) for address in addresses), addresses
    assert said(browser) == []


def test_onnxruntime_web_computes_what_torch_computes(
    browser: webdriver.Chrome, site: Path, models: dict[str, Model], drawing: Any
) -> None:
    visit(browser, site / "draw.html")
    assert eventually(lambda: count(browser, "moved") > 0)
    generator = torch.Generator().manual_seed(5)
    parts = []
    for name in ("conditional-dcgan-mnist", "ebgan-pt-mnist"):
        model = models[name]
        noise = model.noise(4, generator)
        parts.append(
            (name, "generator", dict(zip(model.generator.inputs, noise, strict=True)), model.generator(*noise))
        )
    images = torch.rand(4, 3, 6, 6, generator=generator) * 2 - 1
    parts.append(("ebgan-pt-mnist", "energy", {"x": images}, models["ebgan-pt-mnist"].energy(images)))
    images = torch.rand(4, 1, 4, 4, generator=generator) * 2 - 1
    parts.append(("ladder", "classifier", {"x": images}, models["ladder"].classifier(images)))
    for name, part, inputs, expected in parts:
        dims, values = browser.execute_async_script(
            """const [file, inputs, done] = arguments;
            const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
            (async () => {
              const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
              const onnx = new Uint8Array(await new Response(stream).arrayBuffer());
              const session = await ort.InferenceSession.create(onnx);
              const feeds = Object.fromEntries(Object.entries(inputs).map(
                ([name, [dims, values]]) => [name, new ort.Tensor("float32", Float32Array.from(values), dims)]));
              const found = (await session.run(feeds))[session.outputNames[0]];
              return [[...found.dims], [...found.data]];
            })().then(done, (error) => done([String(error), []]));""",
            drawing.packed((site / name / f"{part}.onnx").read_bytes()),
            {key: [list(value.shape), value.flatten().tolist()] for key, value in inputs.items()},
        )
        assert dims == list(expected.shape), (name, part, dims)
        found = torch.tensor(values).view(expected.shape)
        assert torch.allclose(found, expected, rtol=1e-2, atol=1e-2), (name, part)


def test_a_browser_without_webassembly_and_a_site_without_models_say_so(
    browser: webdriver.Chrome, site: Path, tmp_path: Path
) -> None:
    page = (site / "draw.html").read_text()
    (site / "old.html").write_text(page.replace("<script src", "<script>delete window.WebAssembly</script><script src"))
    visit(browser, site / "old.html")
    assert "has no WebAssembly" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    shutil.copytree(MKDOCS / "draw", tmp_path / "mkdocs" / "draw")
    (tmp_path / "draw.html").write_text(page)
    visit(browser, tmp_path / "draw.html")
    assert eventually(lambda: bool(browser.find_elements(By.CSS_SELECTOR, "[role=alert]")))
    assert "was built without its models" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
