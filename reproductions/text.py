"""Text to image: do images obey the sentences that they are asked for with?  (arXiv:1605.05396, figure 3, measured)

    python -m reproductions.text --seeds 3 --out runs/text

GAN, GAN-CLS, GAN-INT and GAN-INT-CLS on worded MNIST, all for the same number of steps. The paper shows birds of unseen
species; here a judge measures pixels: which of the words (colour, thickness, slant, place, digit) are true of samples,
for sentences of held-out images, and for sentences that join words which were never seen together. Beside it, whether
D reads: how often it prefers an image's own words to another's, and finds them among a hundred. Each cell is a run
folder, OUT/text-SYSTEM-SEED, which goes on where it was stopped; `--part 1/2` does every second of the cells; the table
and the figure are of the finished ones.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import energan
from energan import evaluation
from energan.data.named.captioned.wording import FACTS
from energan.lab.figures import panels, save, spread
from energan.networks.text.minilm import sentence_codes
from energan.utils.files import write
from reproductions.cells import told, trained

SYSTEMS = {"GAN": "gan-text", "GAN-CLS": "gan-cls", "GAN-INT": "gan-int", "GAN-INT-CLS": "gan-int-cls"}
COLUMNS = {
    "words obeyed": 3, "words obeyed, zero-shot": 3, "own words preferred": 3, "R@1": 3, "R@10": 3,
}  # fmt: skip  # and their digits
SEEN = (
    "a thick blue zero upright at the top", "a thin red seven leaning left on the right",
    "a medium white four leaning right in the centre", "a thick yellow two upright on the left",
)  # fmt: skip
UNSEEN = (  # each joins a digit with what it is never seen as
    "a medium red zero upright in the centre", "a thick green one upright in the centre",
    "a thin orange seven leaning right at the top", "a thick pink five upright on the left",
)  # fmt: skip


def cell(system: str, seed: int, steps: int, width: int, folder: Path) -> bool:
    """Trains one to its end, and measures it; what is done already is not done again. False where it was stopped."""
    arguments = {"steps": steps, "seed": seed, "width": width}
    if not trained(folder, f"{SYSTEMS[system]}-mnist", arguments, "reproductions.text"):
        return False
    if not measured(folder):
        evaluation.evaluate(folder, seed=1)  # not the noise of the previews
    return True


def measured(folder: Path) -> dict[str, Any]:
    """The metrics of a finished run; {} where its words were not judged."""
    path = folder / "evaluation.json"
    found = json.loads(path.read_text()) if path.is_file() else {}
    return found if "words obeyed" in found.get("metrics", {}) else {}


def table(done: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row for each system, mean ± standard deviation over seeds; then the words one by one."""
    lines = [f"| system | seeds | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for system, of in done.items():
        values = [spread([each["metrics"][key] for each in of], digits) for key, digits in COLUMNS.items()]
        lines.append(f"| {system} | {len(of)} | {' | '.join(values)} |")
    for split in ("test", "zero-shot"):
        lines += ["", f"Share of words obeyed, sentences of the split {split}:", ""]
        lines += [f"| system | {' | '.join((*FACTS, 'all'))} |", "|---" * (len(FACTS) + 2) + "|"]
        for system, of in done.items():
            words = [each["conditions"]["words"][split] for each in of]
            lines.append(
                f"| {system} | {' | '.join(spread([w[fact] for w in words], 2) for fact in (*FACTS, 'all'))} |"
            )
    real = next(iter(done.values()))[0]["conditions"]["words"]["real"]
    lines.append(f"| real images | {' | '.join(f'{real[fact]:.2f}' for fact in (*FACTS, 'all'))} |")
    return "\n".join(lines) + "\n"


def draw(folders: dict[str, Path], path: Path) -> None:
    """A row for each system, of its first seed; a column for each sentence, seen ones first; three noises below each
    other."""
    figure, axes = panels(len(folders), 8, 1.3, 2.6)
    codes = sentence_codes([*SEEN, *UNSEEN])
    for i, (system, folder) in enumerate(folders.items()):
        model = energan.load(folder)
        for j, said in enumerate((*SEEN, *UNSEEN)):
            images = model.sample(3, seed=1, conditions=codes[j].expand(3, -1))
            ax = axes[8 * i + j]
            ax.imshow(images.permute(0, 2, 3, 1).flatten(0, 1).numpy())
            words = said.split()
            ax.set_title(f"{system}\n" * (j == 0) + "\n".join((" ".join(words[:4]), " ".join(words[4:]))), fontsize=6)
            ax.axis("off")
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--part", default="1/1", help="k/n: the k-th of n parts of the cells")
    parser.add_argument("--out", type=Path, default=Path("runs/text"))
    arguments = parser.parse_args()
    k, n = map(int, arguments.part.split("/"))
    cells = {
        (system, seed): arguments.out / f"text-{name}-{seed}"
        for seed in range(arguments.seeds)
        for system, name in SYSTEMS.items()
    }
    for (system, seed), folder in list(cells.items())[k - 1 :: n]:
        if not cell(system, seed, arguments.steps, arguments.width, folder):
            break
    done: dict[str, list[dict[str, Any]]] = {}
    folders: dict[str, Path] = {}
    for system in SYSTEMS:
        there = [folder for (name, _), folder in cells.items() if name == system and measured(folder)]
        if there:
            done[system], folders[system] = [measured(folder) for folder in there], there[0]
    if done:
        text = table(done)
        print(text)
        write(arguments.out / "text.md", lambda p: p.write_text(text))
        draw(folders, arguments.out / "text.png")


if __name__ == "__main__":
    told(main)
