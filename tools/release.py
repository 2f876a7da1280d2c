"""python -m tools.release: builds and tries a release in dist/, and uploads nothing.

1. The wheel and the source archive, of the committed files; README's links become those of the repository.
2. In a fresh environment, away from the checkout: the core draws from a run that the checkout trained, and
   `energan[train]` trains.
3. dist/NOTES.md, from CHANGELOG.md's section of this version.

Refused: changes that are not committed, a tag that exists, a version that CHANGELOG.md lacks or calls unreleased.
"""

import argparse
import re
import shutil
import sys
import tempfile
import tomllib
from importlib.metadata import version
from pathlib import Path

from tools.environments import ROOT, build, committed, environment, git, install, run

LINK = re.compile(r"(\]\(|<img src=\")(?!https?:|#|mailto:)([^)\"\s]+)")
SMALL = ("--data", "digits", "--width", "8", "--steps", "10", "--save-every", "10")


def section(changelog: str, number: str) -> tuple[str, str] | None:
    """The heading and the text of a version in the changelog; None where it has none."""
    found = re.search(rf"^## ({re.escape(number)}(?:[ \t][^\n]*)?)\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    return (found[1].strip(), found[2].strip() + "\n") if found and found[2].strip() else None


def refusal(number: str, root: Path = ROOT) -> str | None:
    """Why this version cannot be released, in one sentence; None where it can."""
    if git("status", "--porcelain", folder=root):
        return "there are changes that are not committed: commit them, or put them away"
    if git("tag", "--list", f"v{number}", folder=root):
        return f"the tag v{number} exists: write the next version into pyproject.toml and CHANGELOG.md"
    if (found := section((root / "CHANGELOG.md").read_text(), number)) is None:
        return f"CHANGELOG.md has no section `## {number}` with text: write what is new"
    if "unreleased" in found[0]:
        return f"CHANGELOG.md calls {number} unreleased: write its date there, such as `## {number} (2026-12-31)`"
    return None


def with_addresses(page: str, home: str, reference: str) -> str:
    """The page with links that work outside of the repository; pictures are shown from its raw files."""

    def address(match: re.Match[str]) -> str:
        kind = "raw" if match[2].endswith((".png", ".gif")) else "blob"
        return f"{match[1]}{home}/{kind}/{reference}/{match[2]}"

    return LINK.sub(address, page)


def try_out(wheel: Path, torch: str, work: Path) -> None:
    """Ends the process with one sentence where something that a user does first does not work."""
    runs = work / "trained"
    run(sys.executable, "-m", "energan", "train", "ebgan-pt-mnist", *SMALL, "--out", runs)
    elsewhere = work / "elsewhere"
    elsewhere.mkdir()
    print(f"a fresh environment, with torch {torch}", flush=True)
    python = environment(work / "fresh", f"torch=={torch}", wheel)
    energan = python.with_name("energan")

    def ask(code: str) -> str:
        return run(python, "-c", code, folder=elsewhere).strip()

    if not Path(ask("import energan; print(energan.__file__)")).is_relative_to(work):
        sys.exit("the fresh environment imports another energan than the wheel's")
    run(energan, "--help", folder=elsewhere)
    run(energan, "list", folder=elsewhere)
    drawn = ask(f"import energan; print(*energan.load({str(runs)!r}).sample(4, seed=0).shape)")
    run(energan, "sample", runs, "--n", "4", "--out", "four.png", folder=elsewhere)
    print(f"the core draws: {drawn}", flush=True)
    install(python, f"energan[train] @ {wheel.as_uri()}")
    run(energan, "train", "ebgan-pt-mnist", *SMALL, "--out", "run", folder=elsewhere)
    if not (elsewhere / "run/report.html").is_file():
        sys.exit("a training in the fresh environment wrote no report")
    print("energan[train] trains and reports", flush=True)


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    number = project["version"]
    parser = argparse.ArgumentParser(prog="python -m tools.release")
    parser.add_argument("--rehearse", action="store_true", help="build and try the newest commit, release or not")
    parser.add_argument("--torch", default=version("torch"), help="with which torch it is tried (default: %(default)s)")
    asked = parser.parse_args()
    if reason := refusal(number):
        print(f"release: {reason}", file=sys.stderr)
        if not asked.rehearse:
            return 2
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = committed(work / "source")
        readme = source / "README.md"
        reference = git("rev-parse", "HEAD") if asked.rehearse else f"v{number}"
        readme.write_text(with_addresses(readme.read_text(), project["urls"]["Homepage"], reference))
        built = build(source, work)
        print("built and checked:", *(file.name for file in built), flush=True)
        try_out(built[0], asked.torch, work)
        (ROOT / "dist").mkdir(exist_ok=True)
        (ROOT / "dist/NOTES.md").unlink(missing_ok=True)
        for file in built:
            shutil.copy(file, ROOT / "dist")
    if asked.rehearse:
        print("rehearsed: the files are in dist/, without notes")
        return 0
    heading, text = section((ROOT / "CHANGELOG.md").read_text(), number) or ("", "")
    text = with_addresses(text, project["urls"]["Homepage"], f"v{number}")
    (ROOT / "dist/NOTES.md").write_text(f"# Energan {heading}\n\n{text}")
    print("dist/NOTES.md has the notes. Nothing was uploaded; this does it:")
    files = " ".join(f"dist/{file.name}" for file in built)
    print(f"git tag v{number} && git push origin v{number} && twine upload {files}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
