"""sample, invert, inpaint, walk and excite: what they write and say, and what they answer to what cannot be used."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from small_runs import pictures, sentence
from torch import nn

import energan
import energan.inference.guided
from energan.cli import main
from energan.commands.explore import excite
from energan.data import load, to_unit
from energan.engine.game import Game, Player
from energan.engine.noise import normal, one_hot
from energan.explore.class_names import parse_classes
from energan.explore.guided_run import with_progress
from energan.inference.guided import latent_maps, reconstruct
from energan.inference.model import Model
from energan.recipes.build import build
from energan.runs.folder import RunFolder
from energan.training import loop
from energan.utils.files import read_weights, write_weights

COMMON = {"data": "digits", "precision": "fp32", "device": "cpu", "batch": 8}
NETS = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 3))
class Wide(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(100, 3))
class Asks(nn.Module):
    def __init__(self, width):
        super().__init__()
class Maps(nn.Conv2d):
    def __init__(self):
        super().__init__(1, 2, 3)
class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        raise RuntimeError("no weights")
"""


def made(folder: Path, recipe: str, **changes: Any) -> Path:
    arguments = {**COMMON, **changes}
    run = build(recipe, **arguments)
    data = run.training_set()
    RunFolder(folder).create(run, data, recipe, arguments, "a test")
    assert loop.train(run, RunFolder(folder), data, quiet=True) == "finished"
    return folder


def louder(folder: Path) -> None:
    """Weights of G and E so large that images and classes depend on codes, as those of a trained run do."""
    tensors, words = read_weights(RunFolder(folder).checkpoint())
    for start, factor in (("state/weights/G/", 3), ("state/weights/E/", 2)):
        tensors |= {k: w * factor for k, w in tensors.items() if k.startswith(start) and w.dim() > 1}
    write_weights(RunFolder(folder).checkpoint(), tensors, words)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: an encoder, one of two named classes, a generator with codes, one without; and modules."""
    folder = tmp_path_factory.mktemp("steering")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        made(folder / "encoder", "encoder-mnist", steps=2, save_every=2)
        made(folder / "parity", "encoder-mnist", steps=2, save_every=2, merge="odd=1+3+5+7+9,even=0+2+4+6+8")
        settings = {"variant": "none", "width": 4, "chain_steps": 2}
        encoder = str(folder / "encoder")
        made(folder / "run", "latent-discriminators-mnist", steps=1, save_every=1, encoder=encoder, **settings)
        louder(folder / "run")
        made(folder / "plain", "gan-mnist", steps=1, save_every=1, size_g=8, size_d=8)
    (folder / "their_nets.py").write_text(NETS)
    (folder / "broken.py").write_text("def (")
    pictures(folder / "mine", 3)
    return folder


@pytest.fixture(autouse=True)
def inside(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own with the runs beside, on one thread, few real images for what units do there."""
    monkeypatch.setattr(excite, "REAL_IMAGES", 20)
    for path in there.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def done(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 0
    return capsys.readouterr().out


def drawn(line: str) -> np.ndarray:
    assert main([*f"sample run {line} --out x.npz".split()]) == 0
    return np.load("x.npz")["images"]


# ------------------------------------------------------------------------------------------------ sample


def test_the_same_seed_gives_the_same_images_and_more_continue_them() -> None:
    few, many = drawn("--class 7 --n 2"), drawn("--class 7 --n 4")
    assert few.shape == (2, 1, 28, 28) and np.array_equal(few, many[:2])
    assert np.array_equal(few, drawn("--class 7 --n 2")) and not np.array_equal(few, drawn("--class 7 --n 2 --seed 1"))
    assert not np.array_equal(many[0], many[1])


def test_a_class_alone_is_what_it_is_among_others() -> None:
    """With noise that shows, and a rate at which classes differ."""
    told = "--n 2 --eps3 0.5 --rate 2"
    both = drawn(f"--class 3,7 {told}")
    assert np.array_equal(both[2:], drawn(f"--class 7 {told}")) and np.array_equal(both[:2], drawn(f"--class 3 {told}"))
    assert not np.array_equal(both[:2], both[2:])


def test_without_a_class_each_in_turn_and_all_of_them_in_rows(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("sample run --n 3 --out x.png", capsys)
    assert re.search(r"^3 images in x.png; .* 0: \d+ %, 1: \d+ %, 2: \d+ %$", said)
    done("sample run --class all --n 2 --out all.png", capsys)
    with Image.open("all.png") as sheet:
        assert sheet.size == (2 * 29 - 1, 10 * 29 - 1)


def test_chains_frame_by_frame(capsys: pytest.CaptureFixture[str]) -> None:
    done("sample run --class 1,2 --n 2 --chain-steps 4 --path p.png --out x.npz", capsys)
    with Image.open("p.png") as sheet, np.load("x.npz") as images:
        assert sheet.size == (5 * 29 - 1, 4 * 29 - 1)
        frames = np.pad(np.asarray(sheet), ((0, 1), (0, 1))).reshape(4, 29, 5, 29)[:, :28, :, :28]
        assert np.array_equal(frames[:, :, -1], images["images"][:, 0])
        assert np.array_equal(frames[:2, :, 0], frames[2:, :, 0])  # both classes start from the same codes


def test_settings_reach_the_chains() -> None:
    plain = drawn("--class 7 --n 1")
    for told in ("--eps1 1", "--eps2 50", "--eps3 1", "--chain-steps 9", "--rate 3", "--normalise True",
                 "--gradient activation --eps2 50", "--rate 3 --last-rate 0", "--clip 0 0.1"):  # fmt: skip
        assert not np.array_equal(plain, drawn(f"--class 7 --n 1 {told}")), told


def test_chains_start_from_images_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """A chain that takes no step to speak of ends at the reconstruction of its image."""
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 28, 28), dtype=np.uint8)
    np.savez("two.npz", images=images)
    still = "--start two.npz --chain-steps 1 --rate 1e-9 --class 4 --n 3 --out x.npz"
    assert "chains begin at 2 of two.npz" in done(f"sample run {still}", capsys)
    ended = np.load("x.npz")["images"]
    assert np.array_equal(ended[0], ended[2]) and not np.array_equal(ended[0], ended[1])
    again = energan.inference.guided.reconstruct(energan.load("run"), torch.from_numpy(images)).numpy()
    assert np.abs(ended[:2].astype(int) - again).max() <= 1


def test_another_classifier_leads_and_its_classes_count(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("sample run --class odd,even --n 1 --classifier parity --eps2 50 --out a.npz", capsys)
    assert re.search(r"odd: \d+ %, even: \d+ %", said)
    save_file(
        {k: w.contiguous() for k, w in energan.load("parity").nets["E"].state_dict().items()}, "parity.safetensors"
    )
    Path("mine_too.py").write_text(
        "from energan.networks.conv.latent_discriminators import Encoder\ndef two():\n    return Encoder(2)\n"
    )
    told = "--classifier parity.safetensors --module mine_too:two --eps2 50 --n 1"
    done(f"sample run --class 0,1 {told} --out b.npz", capsys)
    assert np.array_equal(np.load("a.npz")["images"], np.load("b.npz")["images"])
    assert not np.array_equal(np.load("a.npz")["images"], drawn("--class 0,1 --n 1 --eps2 50"))
    done("sample run --class 2 --n 1 --module their_nets:Net", capsys)


def test_the_share_that_is_told_is_the_classifier_s(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("sample run --class all --n 2 --eps2 30 --chain-steps 4 --out x.npz", capsys)
    images = torch.from_numpy(np.load("x.npz")["images"])
    found = latent_maps(energan.load("run")).logits(to_unit(images)).argmax(1).view(10, 2)
    shares = [int(text) for text in re.findall(r" (\d+) %", said)]
    assert shares == [round(100 * float((row == c).float().mean())) for c, row in enumerate(found)]
    assert len(set(shares)) > 1


def test_classes_by_name_before_number() -> None:
    assert parse_classes("b, a", ("a", "b")) == [1, 0] and parse_classes("all", ("a", "b")) == [0, 1]
    assert parse_classes("1", ("5", "1", "3")) == [1] and parse_classes("0", ("5", "1", "3")) == [0]


def test_a_class_among_the_noise() -> None:
    """G(c, z) = z moved by c: the i-th image of each class has the same z."""
    game = Game(
        players={"G": Player(nn.Identity())}, turns={}, order=lambda t: (), hyperparameters={},
        noise={"c": one_hot(3), "z": normal(1, 2, 2)},
        sample=lambda p, b: 0.1 * b.z + (b.c @ torch.tensor([-0.5, 0.0, 0.5])).view(-1, 1, 1, 1),
    )  # fmt: skip
    model = Model(game, {"G": nn.Identity()})
    low, high = (model.sample(4, 5, c).int() for c in (0, 2))
    assert model.classes == 3 and torch.equal(model.sample(2, 5, 2).int(), high[:2])
    assert int(((high - low).clamp(126, 129) - (high - low)).abs().max()) == 0
    with pytest.raises(energan.UserError, match="there is no class 3: this run's system draws 3 classes"):
        model.sample(1, 0, 3)


def test_the_bar_counts_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(items: Any, total: int, words: str, **settings: Any) -> Iterator[int]:
        assert (words, settings["unit"], total) == ("chains", "steps", 3)
        for item in items:
            yield item
            seen.append(item)

    monkeypatch.setattr("energan.explore.guided_run.counted", counting)
    read = with_progress(lambda x: x + 1, 3)
    for done_ in range(1, 5):  # once more than it was told does no harm
        assert int(read(torch.zeros(()))) == 1 and len(seen) == min(done_, 3)


# ------------------------------------------------------------------------------------- invert and inpaint


def test_pairs_and_an_error_for_every_image(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("invert digits --run run --n 3 --csv e.csv", capsys)
    assert said.startswith(
        "images: digits, test (256)\n3 pairs in inverted.png, 256 errors in e.csv; mean square error 0."
    )
    images = load("digits", "test", size=28, channels=1).images
    made_ = reconstruct(energan.load("run"), images)
    with Path("e.csv").open(newline="") as file:
        errors = [float(row["error"]) for row in csv.DictReader(file)]
    assert errors == pytest.approx(((made_ / 255 - images / 255) ** 2).mean((1, 2, 3)).tolist(), abs=1e-6)
    with Image.open("inverted.png") as sheet:
        assert sheet.size == (6 * 29 - 1, 28)
        assert np.array_equal(np.asarray(sheet)[:, :28], images[0, 0]) and np.array_equal(
            np.asarray(sheet)[:, 29:57], made_[0, 0]
        )


def test_images_of_any_size_and_one_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert done("invert mine --run run", capsys).startswith("images: mine (3)\n3 pairs in inverted.png; ")
    assert done("invert mine/00.png --run run --out one.png", capsys).startswith("images: 00 (1)\n1 pairs in one.png; ")
    with Image.open("inverted.png") as all_, Image.open("one.png") as one:
        assert np.array_equal(np.asarray(one)[:, :28], np.asarray(all_)[:, :28])


def test_what_is_known_stays_and_what_is_missing_is_filled(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("inpaint digits --run run --box 2,3,10,20 --n 2 --fills 3 --class 4 --out box.png", capsys)
    assert said.startswith("2 images in box.png, filled in as 4, 4; ")
    mask = np.zeros((28, 28), np.uint8)
    mask[2:12, 3:23] = 255
    Image.fromarray(mask).save("mask.png")
    done("inpaint digits --run run --mask mask.png --n 2 --fills 3 --class 4 --out mask_.png", capsys)
    with Image.open("box.png") as a, Image.open("mask_.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))
        tiles = np.pad(np.asarray(a), ((0, 1), (0, 1))).reshape(2, 29, 5, 29).transpose(0, 2, 1, 3)[..., :28, :28]
    for real, shown, *fills in tiles:
        assert all(np.array_equal(tile[mask == 0], real[mask == 0]) for tile in (shown, *fills))
        assert (shown[mask > 0] == 128).all() and not np.array_equal(fills[0], fills[1])


def test_fills_continue_and_the_classifier_chooses_a_class(capsys: pytest.CaptureFixture[str]) -> None:
    done("inpaint mine/00.png --run run --box 0,0,14,28 --fills 1 --class 3 --out a.png", capsys)
    assert re.search(r"filled in as (odd|even); ", done(
        "inpaint mine/00.png --run run --box 0,0,14,28 --fills 2 --classifier parity --out c.png", capsys
    ))  # fmt: skip
    done("inpaint mine/00.png --run run --box 0,0,14,28 --fills 2 --class 3 --out b.png", capsys)
    done("inpaint mine/00.png --run run --box 0,0,14,28 --fills 1 --class 3 --eps4 9 --out d.png", capsys)
    a, b, d = (np.asarray(Image.open(f"{name}.png")) for name in "abd")
    assert np.array_equal(a, b[:, : a.shape[1]]) and not np.array_equal(a, d)


# ---------------------------------------------------------------------------------------- walk and excite


def test_a_walk_goes_on_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("walk run --classes 3,8,0 --frames 3 --rate 5", capsys)
    assert re.search(r"walk.png and walk.gif: .* 3: \d+ %, 8: \d+ %, 0: \d+ %$", said)
    with Image.open("walk.png") as sheet, Image.open("walk.gif") as film:
        assert sheet.size == (3 * 29 - 1, 4 * 29 - 1)
        assert film.size == (2 * 28 * 4, 28 * 4) and film.n_frames <= 6
        rows = np.pad(np.asarray(sheet), ((0, 1), (0, 1))).reshape(4, 29, 3, 29).transpose(0, 2, 1, 3)[..., :28, :28]
    for i in (0, 2):  # both ways have the same ends, and the second leg begins where the first ended
        assert np.abs(rows[i, [0, -1]].astype(int) - rows[i + 1, [0, -1]]).max() <= 1
    assert np.array_equal(rows[0, -1], rows[2, 0]) and not np.array_equal(rows[0, 0], rows[0, -1])


def test_a_unit_is_excited(capsys: pytest.CaptureFixture[str]) -> None:
    said = done("excite run --unit logits:7,2 --n 2 --chain-steps 6", capsys)
    real = r"\S+ \(real images: \S+ at most\)"
    assert re.search(rf"4 images in excited.png; mean activation of logits:7 {real}, logits:2 {real}", said)
    with Image.open("excited.png") as sheet:
        assert sheet.size == (2 * 29 - 1, 2 * 29 - 1)
        tiles = np.pad(np.asarray(sheet), ((0, 1), (0, 1))).reshape(2, 29, 2, 29).transpose(0, 2, 1, 3)[..., :28, :28]
    logits = latent_maps(energan.load("run")).logits(to_unit(torch.from_numpy(tiles.reshape(4, 1, 28, 28).copy())))
    assert [float(x) for x in re.findall(r":\d (\S+) \(", said)] == pytest.approx(
        [float(logits[:2, 7].mean()), float(logits[2:, 2].mean())], rel=0.01, abs=1e-4
    )


def test_maps_at_their_middle_and_a_classifier_s_own_output(capsys: pytest.CaptureFixture[str]) -> None:
    done("excite run --unit conv2:100 --n 1 --chain-steps 2", capsys)
    done("excite run --unit 1:2 --n 1 --chain-steps 2 --module their_nets:Net", capsys)
    by_layer = Path("excited.png").read_bytes()
    done("excite run --unit conv3.0:3 --n 1 --chain-steps 2 --classifier encoder", capsys)
    assert Path("excited.png").read_bytes() != by_layer
    said = done("excite run --unit logits:2 --n 1 --chain-steps 2 --module their_nets:Net", capsys)
    assert "logits:2" in said  # no layer of this net is called so: its output is


# ---------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("sample run --class 12", "there is no class '12'; there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("sample run --class 3,", "there is no class ''"),
        ("sample run --class seven", "there is no class 'seven'"),
        ("sample run --class 2 --classifier parity", "there is no class '2'; there are odd, even"),
        ("sample run --n 0", "--n must be 1 or more, got 0"),
        ("sample run --chain-steps 0", "--chain-steps must be 1 or more, got 0"),
        ("sample run --eps3 -1", "a standard deviation is at least 0"),
        ("sample run --rate nan", "rate must be a finite number"),
        ("sample run --n 1 --rate 1e38 --eps1 1e38 --path p.png", "left the finite numbers"),
        ("sample run --out x.jpg", "--out x.jpg: images go to a .png"),
        ("sample run --path x.gif", "--out x.gif: images go to a .png"),
        ("sample plain --class 7", "plain draws no classes"),
        ("sample plain --classifier encoder", "plain draws without chains"),
        ("sample plain --eps1 0", "plain draws without chains"),
        ("sample plain --start two.npz", "plain draws without chains"),
        ("sample run --start none.npz", "none.npz"),
        ("sample run --clip 1 0", "clip takes the lowest code, then the highest"),
        ("sample run --classifier run", "run generates images; name the run of a classifier"),
        ("sample run --classifier plain", "this run's system has no classifier"),
        ("sample run --classifier nowhere", "run nowhere is not there"),
        ("sample run --classifier torn.safetensors", "torn.safetensors holds weights; --module"),
        ("sample run --classifier torn.safetensors --module their_nets:Net", "torn.safetensors is damaged"),
        ("sample run --classifier other.safetensors --module their_nets:Net", "does not hold the weights of Net"),
        ("sample run --module their_nets:Wide", "Wide does not take images of (1, 28, 28)"),
        ("sample run --module their_nets:Maps", "Maps must give logits, (n, classes)"),
        ("sample run --module their_nets:Asks", "--module their_nets:Asks cannot be used"),
        ("sample run --module their_nets:Fails", "cannot be used (no weights)"),
        ("sample run --module their_nets:NotThere", "--module their_nets:NotThere cannot be used"),
        ("sample run --module their_nets", "--module their_nets cannot be used"),
        ("sample run --module nowhere:Net", "--module nowhere:Net cannot be used"),
        ("sample run --module broken:Net", "--module broken:Net cannot be used"),
        ("sample run --module pathlib:Path", "gives a PosixPath, not a torch.nn.Module"),
        ("invert digits --run plain", "`energan invert` needs a system that can encode images or reconstruct"),
        ("invert nowhere --run run", "there is no nowhere"),
        ("invert their_nets.py --run run", "their_nets.py is none of what can be loaded"),
        ("invert mine/00.png --run run --split test", "mine/00.png has no split 'test'"),
        ("invert digits --run run --csv e.txt", "--csv e.txt: errors go to a .csv or a .parquet"),
        ("invert digits --run run --out folder", "--out folder: images go to a .png"),
        ("inpaint digits --run plain --box 0,0,2,2", "`energan inpaint` needs a system that can reconstruct"),
        ("inpaint digits --run run", "say what is missing: --mask"),
        ("inpaint digits --run run --mask white.png --box 0,0,2,2", "say what is missing: --mask"),
        ("inpaint digits --run run --mask small.png", "--mask small.png is of 20 x 28, the run's images of 28 x 28"),
        ("inpaint digits --run run --mask white.png", "all of the image is missing"),
        ("inpaint digits --run run --mask black.png", "nothing of the image is missing"),
        ("inpaint digits --run run --mask nowhere.png", "there is no nowhere.png"),
        ("inpaint digits --run run --mask torn.png", "torn.png"),
        ("inpaint digits --run run --box 1,2,3", "--box 1,2,3 is not top,left,height,width"),
        ("inpaint digits --run run --box 20,0,10,5", "--box 20,0,10,5 is not within the run's images of 28 x 28"),
        ("inpaint digits --run run --box 0,0,5,5 --class 1,2", "one class can be filled in at a time"),
        ("inpaint digits --run run --box 0,0,5,5 --fills 0", "--fills must be 1 or more, got 0"),
        ("walk run --classes 3", "a walk needs two classes or more"),
        ("walk run --classes 3,11", "there is no class '11'"),
        ("walk run --classes 3,8 --frames 1", "two frames or more"),
        ("walk plain --classes 3,8", "plain draws no classes"),
        ("walk run --classes 3,8 --out walk.jpg", "walk.jpg: images go to a .png (one sheet), a .gif, an .mp4"),
        ("walk run --classes 3,8 --loop", "of which there is one: --loop does nothing"),
        ("walk run", "draws by chains, which classes guide: name them by --classes"),
        ("excite run --unit 7", "--unit 7 is not LAYER:INDEX"),
        ("excite run --unit h:x", "--unit h:x is not LAYER:INDEX"),
        ("excite run --unit cnov3:1", "Encoder has no layer 'cnov3'; it has conv3"),
        ("excite run --unit h:64", "layer h has no unit 64; it has 64, from 0 on"),
        ("excite run --unit h:1 --decay 2", "--decay must be 0 or above and below 1"),
        ("excite plain --unit h:1", "`energan excite` needs a system that can reconstruct"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_writes_nothing(
    told: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{torn")
    save_file({"weight": torch.zeros(2)}, "other.safetensors")
    Path("torn.png").write_bytes(b"\x89PNG")
    for name, size, value in (("small", (28, 20), 0), ("white", (28, 28), 255), ("black", (28, 28), 0)):
        Image.new("L", size, value).save(f"{name}.png")
    before = sorted(Path().iterdir())
    assert main(told.split()) == 2
    assert expected in sentence(capsys)
    assert sorted(Path().iterdir()) == before


def test_more_images_than_fit_into_memory_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "run", "--n", str(10**12)]) == 2
    assert "--n 1000000000000 would take" in capsys.readouterr().err
