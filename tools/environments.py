"""What a release and the matrix share: the committed files, archives built of them, fresh environments."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILDERS = ("build>=1.3", "twine>=6.2")


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """The command's output, also where it fails: that ends the process with one sentence below the output."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}`{' '.join(map(str, command))}` failed, exit code {done.returncode}")
    return done.stdout


def git(*words: str, folder: Path = ROOT) -> str:
    return run("git", *words, folder=folder).strip()


def committed(folder: Path, root: Path = ROOT) -> Path:
    """The folder with all files of the newest commit, and nothing else: no run gets into a wheel."""
    archive = subprocess.run(("git", "archive", "HEAD"), cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def environment(folder: Path, *packages: str | Path, python: str = sys.executable) -> Path:
    """The Python of a virtual environment with the packages; one that is there already gets what it lacks."""
    if not (folder / "bin/python").exists():
        run(python, "-m", "venv", folder)
    install(folder / "bin/python", *packages)
    return folder / "bin/python"


def install(python: Path, *packages: str | Path) -> None:
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)


def build(source: Path, work: Path) -> tuple[Path, Path]:
    """The wheel and the source archive of the files in `source`, as the index will show them."""
    python = environment(work / "builders", *BUILDERS)
    run(python, "-m", "build", "--outdir", work / "built", source)
    wheel, archive = (next((work / "built").glob(f"energan-*{end}")) for end in (".whl", ".tar.gz"))
    run(python, "-m", "twine", "check", "--strict", wheel, archive)
    return wheel, archive
