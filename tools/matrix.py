"""python -m tools.matrix -- PYTEST ARGUMENTS: the fast tests, on the wheel, with old and new Pythons and torches.

Each cell is an environment of its own in build/matrix, with the wheel and not the checkout; they are kept, so that
the next time is quicker. A cell's row replaces its former row in tools/matrix.json. Exit code 1: some test failed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from tools.environments import ROOT, build, committed, environment, git, install, run

CELLS = ("3.11:2.11.0", "3.12:2.13.0", "3.13:2.15.0")  # the oldest, one between, the newest
RECORD = ROOT / "tools/matrix.json"


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def table(rows: list[dict]) -> str:
    """The rows in Markdown, as docs/architecture.md has them."""
    lines = ["| torch | Python | numpy | passed | failed | skipped | commit |", "|---|---|---|---|---|---|---|"]
    return "\n".join(lines + [
        f"| {row['torch']} | {row['python']} | {row['numpy']} | {row['passed']:,} | {len(row['failed'])} | "
        f"{row['skipped']} | `{row['commit']}` |" for row in rows
    ]) + "\n"  # fmt: skip


def outcome(junit: Path) -> dict:
    """How many tests passed and were skipped, and the names of those that failed, of pytest's XML."""
    cases = list(ElementTree.parse(junit).iter("testcase"))
    wrong = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    failed = sorted({f"{case.get('classname')}::{case.get('name')}".strip(":") for case in wrong})
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {"passed": len(cases) - len(failed) - skipped, "failed": failed, "skipped": skipped}


def cell(python: str, torch: str, wheel: Path, tests: Path, pytest: list[str]) -> dict:
    """The row of one cell."""
    folder = ROOT / f"build/matrix/py{python}-torch{torch}"
    inner = environment(folder, f"torch=={torch}", f"energan[test] @ {wheel.as_uri()}", python=f"python{python}")
    install(inner, "--force-reinstall", "--no-deps", wheel)  # the version may be that of the last time
    junit = folder / "junit.xml"
    junit.unlink(missing_ok=True)
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings.pop("PYTHONPATH", None)
    command = [inner, "-m", "pytest", "-q", f"--junitxml={junit}", *pytest]
    code = subprocess.run(command, cwd=tests, env=settings, check=False).returncode
    if code not in (0, 1) or not junit.exists():  # 0: all passed; 1: some failed; else not all were run, or none
        sys.exit(f"pytest ended without a result (exit code {code}) with Python {python} and torch {torch}")
    versions = "import platform, numpy, torch; print(platform.python_version(), torch.__version__, numpy.__version__)"
    found = run(inner, "-c", versions, folder=tests).split()
    return dict(zip(("python", "torch", "numpy"), found, strict=True)) | outcome(junit)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__)
    parser.add_argument("--cell", action="append", metavar="PYTHON:TORCH", help=f"default: {' '.join(CELLS)}")
    parser.add_argument("pytest", nargs="*", help="which tests, after --")
    asked = parser.parse_args()
    rows = json.loads(RECORD.read_text()) if RECORD.exists() else []
    with tempfile.TemporaryDirectory() as work:
        source = committed(Path(work) / "source")
        wheel, _ = build(source, Path(work))
        shutil.rmtree(source / "energan")  # the tests import the wheel
        failed = 0
        for python, torch in (each.split(":") for each in asked.cell or CELLS):
            row = cell(python, torch, wheel, source, asked.pytest) | {"commit": git("rev-parse", "--short", "HEAD")}
            key = numbers(row["torch"])[:3], numbers(row["python"])[:2]
            others = [r for r in rows if (numbers(r["torch"])[:3], numbers(r["python"])[:2]) != key]
            rows = sorted([*others, row], key=lambda r: (numbers(r["torch"]), numbers(r["python"])))
            RECORD.write_text(json.dumps(rows, indent=1) + "\n")
            print(table([row]), *row["failed"], sep="\n", flush=True)
            failed += len(row["failed"])
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
