"""Pictures of pictures, looked at and measured: what a perfect, an idle and an inverting system are said to be."""

import json
from pathlib import Path

import pytest
import torch
from small_runs import log, trained
from torch import Tensor, nn

from energan.capabilities.translation import compared as compared_module
from energan.capabilities.translation.compared import Both, compared, found, judged, network_of, of_all
from energan.capabilities.translation.preview import sheet
from energan.capabilities.translation.verdicts import Facts, taken, verdicts
from energan.data.resampling import enlarged
from energan.engine.game import Game, Move, Player, Readout, Translation
from energan.evaluation import evaluate
from energan.experiment import Experiment
from energan.games.translation.srgan import srresnet
from energan.inference.model import Model
from energan.inference.pictures.translation import padded
from energan.metrics.closeness import psnr, ssim
from energan.report import write_report
from energan.runs.folder import RunFolder
from energan.utils.errors import UserError


def model(**ways: Readout) -> Model:
    """A system of fixed ways."""
    net = nn.Linear(1, 1)
    turns = {"G": (Move(lambda p, b: (p.G(b.x).mean(), {}), min=("G",)),)}
    game = Game(players={"G": Player(net)}, turns=turns, translate={k: Translation(v, 4) for k, v in ways.items()})
    return Model(game, {"G": net})


def pictures(n: int = 6, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (n, 3, 12, 16), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def same(_, b):
    return b.x


def inverted(_, b):
    return -b.x


# ------------------------------------------------------------------------------------------------------- measures


def test_a_perfect_system_has_perfect_measures() -> None:
    x = pictures()
    values = of_all(compared(model(xy=inverted), Both(x, 255 - x, True), "", seen=True))
    assert values["L1"] == 0 and values["PSNR"] == 100 and values["SSIM"] == pytest.approx(1) and len(values) == 3


def test_a_system_that_enlarges_is_measured_beside_bicubic() -> None:
    """Bicubic enlargement itself has its own figures; all of its luma, less a border."""
    small = pictures()
    G = torch.nn.Upsample(scale_factor=4, mode="nearest")
    game = srresnet(G, scale=4)
    x, y = small, enlarged(small, 4)
    values = of_all(compared(Model(game, {"G": G}), Both(x, y, True), "", seen=True))
    assert values["bicubic PSNR Y"] == 100 and values["bicubic SSIM Y"] == pytest.approx(1)
    blocks = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert values["PSNR Y"] == psnr(blocks, y, border=4, luma=True) < 100
    assert values["SSIM Y"] == pytest.approx(ssim(blocks, y, border=4, luma=True))
    assert judged({"feature distance": 2.0, "bicubic feature distance": 9.0, "L1": 0.1}, seen=True) == 2.0


def test_a_system_of_two_ways_is_measured_both_ways() -> None:
    x = pictures()
    made = compared(model(xy=inverted, yx=same), Both(x, 255 - x, True), "", seen=True)
    values = of_all(made)
    assert values["L1 xy"] == 0 and values["L1 yx"] > 0.3
    assert values["cycle error xy"] == values["cycle error yx"] == pytest.approx(values["L1 yx"])
    assert torch.equal(made["yx"].images, 255 - x)


def test_without_pairs_nothing_is_compared_with_a_partner() -> None:
    values = of_all(compared(model(xy=inverted, yx=inverted), Both(pictures(), pictures(4, 1), False), "", seen=False))
    assert set(values) == {"cycle error xy", "cycle error yx"} and values["cycle error xy"] < 1e-6


def test_a_picture_is_found_where_it_is_the_nearest() -> None:
    true = torch.eye(4)
    assert found(true, true) == 100 and found(true[[1, 0, 2, 3]], true) == 50


def test_the_best_has_the_least_of_what_looks_best_at_features() -> None:
    assert judged({"L1": 0.1, "feature distance": 3.0, "PSNR": 20.0}, seen=True) == 3
    assert judged({"L1": 0.1, "SSIM": 0.5}, seen=True) == 0.1 and judged({"cycle error": 1.0}, seen=False) is None


def test_the_best_of_a_training_without_pairs_is_not_chosen_by_pairs() -> None:
    known = {"feature distance xy": 1.0, "L1 xy": 0.1}
    assert judged({**known, "FID xy": 10.0, "FID yx": 20.0, "cycle error xy": 0.1}, seen=False) == 15
    assert judged(known, seen=False) is None


def test_without_pairs_few_pictures_have_no_distance_to_a_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pictures(4), pictures(40, 1)
    asked: list[int] = []
    monkeypatch.setattr(compared_module, "usable_network", lambda run, real, least=32: asked.append(len(real)) or "")
    network_of(None, Both(x, y, False))  # type: ignore[arg-type]
    assert asked == [4]  # the smaller domain
    values = of_all(compared(model(xy=same, yx=same), Both(x, y, False), "mobilenetv2", seen=False))
    assert set(values) == {"cycle error xy", "cycle error yx"}


# ------------------------------------------------------------------------------------------------------ verdicts


def test_idle_and_inverting_systems_are_called_so() -> None:
    x, y = pictures(), pictures(6, 1)
    held, training = Both(x, y, False), Both(pictures(6, 2), pictures(6, 3), False)

    def said(**ways: Readout) -> list[str]:
        system = model(**ways)
        made = {way: each.images for way, each in compared(system, held, "", seen=False).items()}
        return verdicts(taken(system, made, held, training))

    assert said(xy=same, yx=same) == ["Both generators do nothing: what comes out is what goes in."]
    assert said(xy=same, yx=inverted)[0].startswith("The generator of the way xy does nothing")
    assert said(xy=inverted, yx=inverted) == [
        f"Colours of the way {way} look inverted: outputs and inputs have a correlation of -1.00."
        for way in ("xy", "yx")
    ]
    assert said(xy=lambda p, b: b.x.flip(3)) == []


def test_overfitting_is_said_of_pairs_alone() -> None:
    fit = Facts(moved=0.3, truth=0.3, held_out=0.14, training=0.1, training_truth=0.3)
    assert verdicts({"xy": fit}) == []
    assert verdicts({"xy": fit._replace(held_out=0.2)})[0].startswith("It overfits: held-out pictures are 2.0 times")
    assert verdicts({"xy": fit._replace(held_out=0.2, training=None)}) == []


def test_harder_pictures_are_no_overfitting() -> None:
    fit = Facts(truth=0.04, held_out=0.02, training=0.01, training_truth=0.02)
    assert fit.overfit == pytest.approx(1) and verdicts({"xy": fit}) == []


def test_line_drawings_of_colours_are_not_inverted_colours() -> None:
    drawn = Facts(moved=0.5, truth=0.5, alike=-0.6, true_alike=-0.5)  # the truth is dark where x is bright, too
    assert verdicts({"xy": drawn}) == []
    assert "look inverted" in verdicts({"xy": drawn._replace(true_alike=0.1)})[0]


# ------------------------------------------------------------------------------------------- pictures of any size


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 3), (8, 8), (13, 4)])
def test_pictures_of_any_size_keep_it(size: tuple[int, int]) -> None:
    seen: list[torch.Size] = []

    def watched(_, b):
        seen.append(b.x.shape)
        return b.x

    x = pictures()[:2, :, : size[0], : size[1]]
    assert torch.equal(model(xy=watched).translate(x), x)
    assert all(side % 4 == 0 for side in seen[0][2:])


def test_borders_are_reflected() -> None:
    x = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 2, 4)
    assert padded(x, 6)[0, 0, 0].tolist() == [0, 1, 2, 3, 2, 1]
    assert padded(torch.ones(1, 1, 1, 1), 4).shape == (1, 1, 4, 4)


def test_a_way_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="goes the way xy, and not 'yx'"):
        model(xy=same).translate(pictures(), "yx")
    with pytest.raises(UserError, match="makes nothing of pictures"):
        Model(model(xy=same).game._replace(translate=None), {}).translate(pictures())


def test_larger_pictures_come_of_smaller_ones() -> None:
    game = model(xy=same).game
    twice = lambda p, b: b.x.repeat_interleave(2, 2).repeat_interleave(2, 3)  # noqa: E731
    large = Model(game._replace(translate={"xy": Translation(twice, 4, 2)}), {"G": nn.Linear(1, 1)})
    x = pictures()[:, :, :5, :7]
    assert torch.equal(large.translate(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    rows, columns = sheet(large, Both(x, large.translate(x), True))
    assert columns == 6 and rows.shape == (18, 3, 10, 14) and torch.equal(rows[1], rows[2])


# ----------------------------------------------------------------------------------------------------- whole runs


@pytest.mark.parametrize(("recipe", "ways"), [("pix2pix", ["xy"]), ("cyclegan", ["xy", "yx"])])
def test_a_run_is_looked_at_measured_and_reported(
    recipe: str, ways: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
    folder = trained(tmp_path / "run", recipe)
    looked = [row["metrics"] for row in log(folder) if "metrics" in row]
    names = {"L1", "PSNR", "SSIM"} if recipe == "pix2pix" else {"cycle error xy", "cycle error yx"}
    assert looked and set(looked[-1]) == names
    assert (folder / "checkpoints" / "best.safetensors").is_file() == (recipe == "pix2pix")
    result = evaluate(folder)
    told = result["translation"]
    assert set(result["metrics"]) == names and told["ways"] == ways and told["images"] == 1
    assert (
        told["paired"] == told["trained with pairs"] == (recipe == "pix2pix")
        and "held out by name" in result["summary"][0]
    )
    layout = json.loads((folder / "translation.json").read_text())
    assert layout["columns"] == 6 and layout["count"] == 3 * len(ways)
    page = write_report(folder).read_text()
    assert page.count('class="wipe"') == len(ways) and "Pictures of pictures" in page
    record = RunFolder(folder).record["data"]
    assert record["targets"] == {"n": 11, "shape": [3, 24, 20], "paired": recipe == "pix2pix"}


def test_hidden_pairs_are_known_to_the_measurement_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
    known = Experiment.pictures
    monkeypatch.setattr(Experiment, "pictures", lambda run, split: known(run, split)._replace(paired=True))
    folder = trained(tmp_path / "run", "cyclegan")
    told = evaluate(folder)
    assert told["translation"]["paired"] and not told["translation"]["trained with pairs"]
    assert {"L1 xy", "L1 yx", "cycle error xy"} <= set(told["metrics"])
    assert "The pairs are known to this measurement alone" in write_report(folder).read_text()


def test_a_layout_from_a_stranger_shows_no_sliders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
    folder = trained(tmp_path / "run", "pix2pix")
    evaluate(folder)
    for layout in ({"each": 0, "columns": 0, "count": 5}, {"each": 3, "columns": 5, "count": 3}, {"each": "x"}, []):
        (folder / "translation.json").write_text(json.dumps(layout))
        assert 'class="wipe"' not in write_report(folder).read_text()
