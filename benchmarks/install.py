"""python -m benchmarks.install WHEEL: how large an installation is, beside other packages', and how soon it answers.

Size: pip resolves a requirement in an empty environment; all but torch and its CUDA is installed into a folder of its
own, without bytecode, and the files' bytes are added up. Speed (--python): the shortest and the median time of whole
processes, beside an interpreter that does nothing.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = ("pythae", "anomalib", "torchgan", "vegans", "torchebm")
OF_TORCH = ("torch", "triton", "nvidia-", "cuda-")


def closure(requirement: str, work: Path) -> list[tuple[str, str]] | str:
    """What pip would install, as (name, version or address); its last line where it finds no way."""
    report = work / "report.json"
    report.unlink(missing_ok=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    asked = subprocess.run(
        (*pip, "--dry-run", "--ignore-installed", "--report", report, requirement),
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        return next((line for line in reversed(asked.stderr.splitlines()) if line.startswith("ERROR")), "ERROR")
    found = json.loads(report.read_text())["install"]
    return [
        (
            each["metadata"]["name"].lower(),
            each["download_info"]["url"] if each["is_direct"] else each["metadata"]["version"],
        )
        for each in found
    ]


def size(packages: list[tuple[str, str]], folder: Path) -> int:
    """The bytes of all files of these packages, installed without bytecode and without what they need."""
    names = [f"{name} @ {version}" if ":" in version else f"{name}=={version}" for name, version in packages]
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    subprocess.run((*pip, "--no-deps", "--no-compile", "--target", folder, *names), check=True, capture_output=True)
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def seconds(python: str, *words: str, times: int = 20) -> str:
    """The shortest and the median of `times` processes, and the median of their processor's time."""
    taken, busy = [], []
    for _ in range(times + 1):
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run((python, *words), check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(time.perf_counter() - start)
        busy.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # the first filled the disk's cache
    return f"{min(taken[1:]):.3f} | {statistics.median(taken[1:]):.3f} | {statistics.median(busy[1:]):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.install", description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", help="time this interpreter, which has the wheel, instead of measuring sizes")
    asked = parser.parse_args()
    if asked.python:
        print("| process | shortest, s | median, s | processor, s |\n|---|---|---|---|")
        for words in (("-c", "pass"), ("-c", "import energan"), ("-m", "energan", "--help")):
            print(f"| `python {words[0]} {' '.join(words[1:])}` | {seconds(asked.python, *words)} |", flush=True)
        return
    wheel = asked.wheel.resolve().as_uri()
    print(f"wheel: {asked.wheel.stat().st_size / 1e6:.2f} MB\n")
    print("| requirement | packages without torch | MB |\n|---|---|---|")
    for requirement in (*(f"energan{extra} @ {wheel}" for extra in ("", "[train]", "[all]")), *PEERS):
        with tempfile.TemporaryDirectory() as folder:
            name, packages = requirement.partition(" @")[0], closure(requirement, Path(folder))
            if isinstance(packages, str):
                print(f"| `{name}` | {packages} | |", flush=True)
                continue
            others = [each for each in packages if each[0] != "torch" and not each[0].startswith(OF_TORCH[1:])]
            try:
                print(f"| `{name}` | {len(others)} | {size(others, Path(folder) / 'all') / 1e6:.0f} |", flush=True)
            except subprocess.CalledProcessError as error:
                print(f"| `{name}` | {len(others)} | {error.stderr.decode().splitlines()[-1]} |", flush=True)


if __name__ == "__main__":
    main()
