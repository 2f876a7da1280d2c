"""Do latent discriminators help?  The thesis' six runs, measured where it judged by eye; and what its sampler's
factors do.

    for seed in 0 1 2; do for variant in vanilla code-adversarial code none combined random; do
        energan train latent-discriminators-mnist --variant $variant --seed $seed --out runs/latent/$variant-$seed
    done; done
    python -m reproductions.latent chains --runs runs/latent     # the same with the official code's chain (PPGN's)
    python -m reproductions.latent table --runs runs/latent      # tables, figure3.png, figure4.png
    python -m reproductions.latent times                         # of a step, all variants in turns in one process
    python -m reproductions.latent epsilon --run runs/latent/combined-0       # epsilon.png and its table
    python -m reproductions.latent plug --run runs/latent/combined-0 --parity runs/parity --strokes runs/strokes

For `plug`, classifiers of other labels than those that G was made with:

    energan train encoder-mnist --merge odd=1+3+5+7+9,even=0+2+4+6+8 --steps 937 --out runs/parity
    python -m reproductions.latent strokes --out runs/strokes.npz
    energan train encoder-mnist --data runs/strokes.npz --classes 2 --steps 937 --out runs/strokes
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import energan
from energan import metrics
from energan.capabilities.inversion.measure import EACH, accuracies, diversity
from energan.data import load
from energan.data.pixels import to_bytes, to_unit
from energan.games.plug_and_play.ppgn import CHAIN as OFFICIAL_CHAIN
from energan.inference.guided import latent_maps, sample_guided, start_codes
from energan.lab.figures import panels, save
from energan.metrics.features.catalog import describe
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.networks.conv.latent_discriminators import Standardise
from energan.recipes.build import build
from energan.recipes.plug_and_play.encoder import open_classifier
from energan.recipes.plug_and_play.latent_discriminators import THESIS_RUNS
from energan.runs.folder import RunFolder
from energan.utils.files import write_json
from energan.utils.image_files import save_sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "vanilla": "(a) vanilla: critic of images",
    "code-adversarial": "(b) critic of codes alone",
    "code": "(c) critic of codes, L_x, L_h",
    "none": "(d) no critic: L_x, L_h",
    "combined": "(e) both critics",
    "random": "(f) one of both at random",
}
OF_CHAINS = (
    "conditional accuracy",
    "accuracy, as saved",
    "conditional accuracy, own",
    "conditional MNIST-KID",
    "diversity in a class",
)
OF_IMAGES = ("reconstruction MNIST-FID", "reconstruction MSE")
OFFICIAL = "official.json"  # in a run's folder: what its chains gave by the official code's settings
EPSILONS: dict[str, tuple[float, ...]] = {
    "eps1": (0.0, 1e-3, 1e-2, 1e-1, 0.5),
    "eps2": (0.0, 0.1, 1.0, 3.0, 10.0),
    "eps3": (0.0, 1e-15, 1e-2, 1e-1, 0.3),
}


def tiles(path: Path, rows: int, columns: int, side: int = 28) -> Tensor:
    """The images of a sheet, uint8 (rows * columns, 1, side, side)."""
    import numpy as np
    from PIL import Image

    pixels = torch.from_numpy(np.array(Image.open(path)))
    step = side + 1
    found = [
        pixels[r * step : r * step + side, c * step : c * step + side] for r in range(rows) for c in range(columns)
    ]
    return torch.stack(found)[:, None]


def sheet(ax: "Axes", images: Tensor, columns: int, title: str) -> None:
    """Grey images (n, 1, h, w) as one picture."""
    rows = images.squeeze(1).unflatten(0, (-1, columns)).transpose(1, 2).flatten(2).flatten(0, 1)
    ax.imshow(rows.numpy(), cmap="gray", vmin=0, vmax=255)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


def found(folder: Path) -> dict[str, dict[int, Path]]:
    """variant -> seed -> the folder of a finished run."""
    there: dict[str, dict[int, Path]] = {}
    for variant in THESIS_RUNS:
        paths = sorted(folder.glob(f"{variant}-[0-9]*"))
        done = {int(p.name.rpartition("-")[2]): p for p in paths if (p / "evaluation.json").is_file()}
        if done:
            there[variant] = done
    return there


def as_saved(images: Tensor) -> Tensor:
    """Images as the thesis' code saves them, uint8 (n, 1, h, w): standardised, as its networks see them, and cut to
    [0, 1]. What is darker than MNIST's mean, 0.131, is black there, and what is lighter than 0.439 white.
    """
    return (255 * Standardise()(to_unit(images)).clamp(0, 1)).round().to(torch.uint8)


def of_chains(model: Any, drawn: Tensor, asked: Tensor, real: Any) -> dict[str, float]:
    """What is measured of the chains' ends."""
    values = accuracies(model, drawn, asked, "mnist")
    values["accuracy, as saved"] = accuracies(model, as_saved(drawn), asked, "mnist")["conditional accuracy"]
    values["conditional MNIST-KID"] = metrics.evaluate(drawn, real, "mnist")["MNIST-KID"]
    values["diversity in a class"] = diversity(drawn, asked)
    return values


def measured(path: Path, real: Any) -> dict[str, float]:
    """What evaluation.json says, and more of the chains' ends, which are the images of classes.png."""
    values = dict(json.loads((path / "evaluation.json").read_text())["metrics"])
    asked = torch.arange(10).repeat_interleave(EACH)
    return values | of_chains(energan.load(path), tiles(path / "classes.png", 10, EACH), asked, real)


def chains(arguments: argparse.Namespace) -> None:
    """Chains of each finished run by the official code's settings; those that are there are kept."""
    real = describe(load("mnist", "test").images[:2000], "mnist")
    asked = torch.arange(10).repeat_interleave(arguments.each)
    for seeds in found(arguments.runs).values():
        for path in seeds.values():
            if not _measured(path / OFFICIAL):
                model = energan.load(path)
                trace = sample_guided(model, asked, chain=OFFICIAL_CHAIN, precision=arguments.precision)
                assert trace.images is not None
                drawn = to_bytes(trace.images[-1])
                save_sheet(drawn, path / "official.png", columns=arguments.each)
                write_json(path / OFFICIAL, of_chains(model, drawn, asked, real))
                print(path.name, json.loads((path / OFFICIAL).read_text()), flush=True)


def _measured(path: Path) -> bool:
    """Whether all that is measured of chains is there: an older version measured other things."""
    return path.exists() and set(OF_CHAINS) <= set(json.loads(path.read_text()))


def estimates(path: Path) -> dict[str, list[tuple[int, float]]]:
    """layer -> (step of G, the critic's estimate of the distance) of each line of the log."""
    seen: dict[str, list[tuple[int, float]]] = {}
    for line in map(json.loads, (path / "log.jsonl").read_text().splitlines()):
        for name, value in line.get("logs", {}).items():
            layer = name.partition("/W(")[2].rstrip(")")
            if layer:
                seen.setdefault(layer, []).append((line["step"], value))
    return {layer: sorted(points) for layer, points in seen.items()}


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.3g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"


def table(arguments: argparse.Namespace) -> None:
    there = found(arguments.runs)
    real = describe(load("mnist", "test").images[:2000], "mnist")
    columns = (*OF_CHAINS, *OF_IMAGES)
    print(f"| run | seeds | {' | '.join(columns)} | parameters of the critics | W(x), last | W(h), last |")
    print("|---" * (len(columns) + 5) + "|")
    for variant, seeds in there.items():
        values = [measured(path, real) for path in seeds.values()]
        players = RunFolder(next(iter(seeds.values()))).record["game"]["players"]
        critics = sum(p["parameters"] for name, p in players.items() if name.startswith("D_"))
        last = {layer: [estimates(p)[layer][-1][1] for p in seeds.values()] for layer in THESIS_RUNS[variant].critics}
        cells = [spread([v[name] for v in values]) for name in columns]
        ends = [spread(last[layer]) if layer in last else "-" for layer in "xh"]
        print(f"| {variant} | {len(values)} | {' | '.join([*cells, f'{critics:,}', *ends])} |")
    print(f"\nofficial chains\n\n| run | seeds | {' | '.join(OF_CHAINS)} |\n" + "|---" * (len(OF_CHAINS) + 2) + "|")
    for variant, seeds in there.items():
        files = [path / OFFICIAL for path in seeds.values() if _measured(path / OFFICIAL)]
        values = [json.loads(path.read_text()) for path in files]
        if values:
            cells = [spread([v[name] for v in values]) for name in OF_CHAINS]
            print(f"| {variant} | {len(values)} | {' | '.join(cells)} |")
    _real()
    figure, axes = panels(4, 3, 3.2, 3.4)
    for ax in axes:
        ax.axis("off")
    for half, (shown, how) in enumerate(((as_saved, ""), (torch.clone, ", as drawn"))):
        for (variant, title), ax in zip(TITLES.items(), axes[6 * half :], strict=False):
            if variant in there:
                ends = tiles(there[variant][min(there[variant])] / "classes.png", 10, EACH)
                sheet(ax, shown(ends), 10, title + how)
    save(figure, arguments.runs / "figure3.png")
    _figure4(there, arguments.runs / "figure4.png")


def _real() -> None:
    """The same measures of real digits, 10 of each class of the test set."""
    data, judge = load("mnist", "test"), mnist_classifier()
    assert data.labels is not None
    rows = torch.cat([(data.labels == c).nonzero().flatten()[:EACH] for c in range(10)])
    images, labels = data.images[rows], data.labels[rows]
    with torch.no_grad():
        plain, seen = ((judge(x).argmax(1) == labels).float().mean() for x in (images, as_saved(images)))
    apart = diversity(images, labels)
    print(f"\nreal digits: accuracy {plain:.2f}, as saved {seen:.2f}, diversity in a class {apart:.2f}")


def _figure4(there: dict[str, dict[int, Path]], path: Path) -> None:
    shown = [v for v in ("vanilla", "code", "combined", "random") if v in there]
    figure, axes = panels(1, len(shown), 3.4, 2.8)
    for variant, ax in zip(shown, axes, strict=True):
        for run in there[variant].values():
            for layer, points in estimates(run).items():
                ax.plot(*zip(*points, strict=True), color={"x": "C0", "h": "C1"}[layer], lw=1, alpha=0.8)
        for layer in THESIS_RUNS[variant].critics:
            ax.plot([], [], color={"x": "C0", "h": "C1"}[layer], label={"x": "D, images", "h": "D_1, codes"}[layer])
        ax.set(title=variant, xlabel="steps of G", ylabel="Wasserstein estimate")
        ax.legend(fontsize=8, frameon=False)
    save(figure, path)


def times(arguments: argparse.Namespace) -> None:
    """Medians of a step of G with its critics' turns (not the warm ones), all variants in turns."""
    from energan.engine import Trainer

    players = {}
    for variant in THESIS_RUNS:
        run = build("latent-discriminators-mnist", variant=variant, encoder=arguments.encoder, width=arguments.width)
        players[variant] = Trainer(run.game, run.batches(run.training_set()), seed=0, precision=run.precision)
        players[variant].t = 30  # past the warm steps
    seconds: dict[str, list[float]] = {variant: [] for variant in THESIS_RUNS}
    for _ in range(arguments.repeats + 1):
        for variant, one in players.items():
            started = time.perf_counter()
            one.step()
            seconds[variant].append(time.perf_counter() - started)
    print("| run | ms a step | of vanilla's |\n|---|---|---|")
    for variant, each in seconds.items():
        ratios = [a / b for a, b in zip(each[1:], seconds["vanilla"][1:], strict=True)]
        print(f"| {variant} | {1e3 * statistics.median(each[1:]):.0f} | {statistics.median(ratios):.2f} |")


def epsilon(arguments: argparse.Namespace) -> None:
    """A row for each factor, a column for each of its values, the others as the thesis has them."""
    model = energan.load(arguments.run)
    codes = model.game.codes
    assert codes is not None
    maps, judge = latent_maps(model), mnist_classifier()
    asked = torch.arange(10).repeat_interleave(arguments.each)
    start = start_codes(model, 10, 0).repeat_interleave(arguments.each, 0)  # the same for the chains of a class
    figure, axes = panels(3, 5, 0.3 * arguments.each + 0.8, 3.2)
    print("| factor | value | accuracy | own classifier's p | |R(h) - h| | distance of two chains from one start |")
    print("|---" * 6 + "|")
    ends: dict[tuple[str, float], Tensor] = {}
    for ax, (name, value) in zip(axes, [(n, v) for n, values in EPSILONS.items() for v in values], strict=True):
        chain = codes.chain._replace(**{name: value})
        trace = sample_guided(model, asked, chain=chain, start=start, precision=arguments.precision)
        assert trace.images is not None
        images, h = to_bytes(trace.images[-1]), trace.codes[-1]
        ends[name, value] = h
        with torch.no_grad():
            right = float((judge(images).argmax(1) == asked).float().mean())
            sure = maps.logits(trace.images[-1]).softmax(1).gather(1, asked[:, None]).mean()
            off = (maps.prior(h) - h).norm(dim=1).mean() if maps.prior else torch.nan
        apart = diversity(images, asked)
        print(f"| {name} | {value:g} | {right:.2f} | {sure:.2f} | {off:.2f} | {apart:.3f} |", flush=True)
        sheet(ax, images, arguments.each, f"{name} {value:g}: {right:.0%}")
    same = torch.equal(ends["eps3", 0.0], ends["eps3", 1e-15])
    print(f"\neps3 of 1e-15 and of 0 end at {'the same codes, bit for bit' if same else 'other codes'}.")
    save(figure, arguments.out)


def ink(images: Tensor) -> Tensor:
    """Mean brightness of each image, in [0, 1]."""
    return images.flatten(1).float().mean(1) / 255


def strokes(arguments: argparse.Namespace) -> None:
    """MNIST's training digits with another label: thick or thin, by ink above or below the median of the same digit."""
    import numpy as np

    data = load("mnist", "train")
    assert data.labels is not None
    amount, labels = ink(data.images), torch.zeros(len(data.images), dtype=torch.int64)
    for digit in range(10):
        same = data.labels == digit
        labels[same] = (amount[same] > amount[same].median()).long()
    np.savez_compressed(arguments.out, images=data.images.numpy(), labels=labels.numpy())
    print(f"{int(labels.sum())} of {len(labels)} are thick (1), in {arguments.out}")


def steered(model: Any, classifier: Path, classes: Iterable[int], each: int, precision: str) -> dict[int, Tensor]:
    """class -> where the chains towards it ended, led by another classifier."""
    net = open_classifier(str(classifier), "", 0)
    asked = torch.tensor([c for c in classes for _ in range(each)])
    trace = sample_guided(model, asked, classifier=net, precision=precision)
    assert trace.images is not None
    images = to_bytes(trace.images[-1])
    return {c: images[asked == c] for c in classes}


def plugged(arguments: argparse.Namespace) -> None:
    """A generator made with a classifier of ten digits, led by classifiers of odd and even, and of thick and thin."""
    model, judge = energan.load(arguments.run), mnist_classifier()
    figure, axes = panels(1, 4, 3, 1.0)
    parity = steered(model, arguments.parity, (0, 1), arguments.each, arguments.precision)
    stroke = steered(model, arguments.strokes, (0, 1), arguments.each, arguments.precision)
    names = RunFolder(arguments.parity).record["data"]["classes"]
    with torch.no_grad():
        for c, images in parity.items():
            digits = judge(images).argmax(1)
            clear = judge(as_saved(images)).argmax(1)
            plain, share = (float((d % 2 == (names[c] == "odd")).float().mean()) for d in (digits, clear))
            told = f"digits {clear.bincount(minlength=10).tolist()}"
            print(f"asked for {names[c]}: {plain:.2f} are, as saved {share:.2f}; {told}")
            sheet(axes[c], images, 10, f"{names[c]}: {share:.0%}")
    for c, images in stroke.items():
        name = ("thin", "thick")[c]
        print(f"asked for {name}: mean ink {float(ink(images).mean()):.3f}")
        sheet(axes[2 + c], images, 10, f"{name}: mean ink {float(ink(images).mean()):.3f}")
    print(f"digits of the training set: mean ink {float(ink(load('mnist', 'train').images).mean()):.3f}")
    save(figure, arguments.out)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "table": table, "chains": chains, "times": times, "epsilon": epsilon, "strokes": strokes, "plug": plugged,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--runs", type=Path, default=Path("runs/latent"))
    parser.add_argument("--run", type=Path, default=Path("runs/latent/combined-0"))
    parser.add_argument("--encoder", default="")
    parser.add_argument("--parity", type=Path, default=Path("runs/parity"))
    parser.add_argument("--strokes", type=Path, default=Path("runs/strokes"))
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--out", type=Path, default=Path("latent.png"))
    arguments = parser.parse_args()
    COMMANDS[arguments.command](arguments)


if __name__ == "__main__":
    main()
