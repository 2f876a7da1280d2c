"""The commands `pack` and `push`: a run as one .zip, and on the Hugging Face hub."""

import tempfile
from pathlib import Path

from energan.utils.console import say
from energan.utils.errors import UserError


def pack(
    run: str, /, *, out: str = "model.zip", checkpoint: str = "", resumable: bool = False, license: str = ""
) -> int:
    """Pack a run's model into one .zip that every command and energan.load read.

    It has the weights, what was measured of them, a model card, and run.json without places on this machine; no
    training images.

    Args:
        run: The run's folder.
        out: The .zip.
        checkpoint: "best", a step, or a path; the newest by default.
        resumable: With the optimizers' state, so that `energan resume` goes on: about three times as large.
        license: Of the model, for its card, such as mit or cc-by-4.0.
    """
    from energan.runs.folder import RunFolder
    from energan.runs.sharing.archive import write_zip
    from energan.runs.sharing.model_folder import write_model

    target = Path(out)
    if target.suffix.lower() != ".zip":
        raise UserError(f"`out` {target}: a packed model is a .zip")
    if target.is_dir():
        raise UserError(f"`out` {target} is a folder: choose another name")
    with tempfile.TemporaryDirectory(prefix="energan-") as name:
        written = write_model(
            RunFolder(run), Path(name), "model.zip", checkpoint=checkpoint, resumable=resumable,
            licence=checked_licence(license),
        )  # fmt: skip
        write_zip(Path(name), target)
    say(f"{target}: {target.stat().st_size / 2**20:.1f} MiB, step {written.step}{without(written.left_out)}")
    return 0


def push(
    run: str,
    model: str,
    /,
    *,
    private: bool = False,
    dry_run: str = "",
    checkpoint: str = "",
    resumable: bool = False,
    license: str = "",
) -> int:
    """Upload a run's model to the Hugging Face hub, with a model card (extra `hub`).

    What is uploaded is what `energan pack` packs. You are who `hf auth login` or HF_TOKEN says.

    Args:
        run: The run's folder.
        model: owner/name on the hub; it is made if it is not there.
        private: Make it so that only you see it, where it is new.
        dry_run: A new folder for what would be uploaded; nothing is.
        checkpoint: "best", a step, or a path; the newest by default.
        resumable: With the optimizers' state, so that `energan resume` goes on.
        license: Of the model, for its card, such as mit or cc-by-4.0.
    """
    from energan.runs.folder import RunFolder
    from energan.runs.sharing.hub import client, parsed, push_folder
    from energan.runs.sharing.model_folder import write_model
    from energan.utils.files import new_folder

    repository, revision = parsed(model.removeprefix("hf:"))
    if revision:
        raise UserError(f"{model} names a revision, and a push makes a new one: leave out @{revision}")
    folder, options = RunFolder(run), {"checkpoint": checkpoint, "licence": checked_licence(license)}
    if dry_run:
        with new_folder(Path(dry_run)) as hidden:
            written = write_model(folder, hidden, f"hf:{repository}", resumable=resumable, **options)
        say(f"{dry_run}: what would be uploaded to {repository}, step {written.step}{without(written.left_out)}")
        return 0
    client()  # found out before anything is written
    with tempfile.TemporaryDirectory(prefix="energan-") as name:
        written = write_model(folder, Path(name), f"hf:{repository}", resumable=resumable, **options)
        message = f"{folder.record['recipe']}, step {written.step}"
        url, commit = push_folder(Path(name), repository, private=private, message=message)
    say(f"{url}: commit {commit}, step {written.step}{without(written.left_out)}")
    say(f"energan sample hf:{repository} --n 16")
    return 0


def checked_licence(name: str) -> str:
    """The name of a licence. UserError for what is none."""
    if name and not all(c.isascii() and (c.isalnum() or c in ".-+") for c in name):
        raise UserError(f"`license` {name!r} must be a name such as mit or cc-by-4.0")
    return name.lower()


def without(left_out: list[str]) -> str:
    """The end of a sentence that says what was left out."""
    return f"; left out: {', '.join(left_out)}" if left_out else ""
