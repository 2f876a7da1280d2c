"""Models on the Hugging Face hub: uploaded, and copied from there, by the hub's own client (extra `hub`).

Who the user is, only that client knows: HF_TOKEN, or its login; HF_ENDPOINT names another hub, HF_HUB_OFFLINE none. Of
a repository, the parts of a model are asked for by their names (parts.py) and nothing else is looked at: a repository
may hold pickles, links, or a million files. Its revision is pinned to a commit, whose hash names the copy.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from energan.runs.checkpoints import SHARED
from energan.runs.copies import copies, kept_copy
from energan.runs.sharing.parts import PARTS, check_part
from energan.utils.console import complain, warn
from energan.utils.errors import UserError, printable
from energan.utils.files import keep, read_file

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")

REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]{0,200}[A-Za-z0-9_])?")

COMMIT = re.compile(r"[0-9a-f]{40}")

LONG = 2**24  # bytes whose transfer is shown

NEEDED = ("run.json", SHARED)


def parsed(name: str) -> tuple[str, str]:
    """owner/name and the revision, "" for the newest. UserError for what is no name of the hub's."""
    repository, at, revision = name.partition("@")
    sound = NAME.fullmatch(repository) and ".." not in name and "--" not in repository and len(repository) <= 96
    if not sound or (at and not REVISION.fullmatch(revision)):
        raise UserError(f"hf:{name} is no name of a model: hf:owner/name, or hf:owner/name@revision")
    return repository, revision


def hub_copy(name: str) -> Path:
    """The run folder in the cache of owner/name, or of owner/name@revision.

    Where the hub cannot be reached, the copy that was made of this name before.

    Raises:
        UserError: There is no such model, it may not be read, it is none of Energan's, or it cannot be reached.
    """
    repository, revision = parsed(name)
    if COMMIT.fullmatch(revision) and (there := _place(repository, revision)) is not None:
        return there
    hub = client()
    remembered = copies() / "names" / f"{repository.replace('/', '--')}@{revision.replace('/', '--') or 'main'}"
    try:
        commit = commit_of(hub, repository, revision)
    except Unreachable as error:
        with suppress(OSError, UnicodeDecodeError):
            commit = read_file(remembered, 40).decode()
            if COMMIT.fullmatch(commit) and (there := _place(repository, commit)) is not None:
                warn(f"hf:{name}: the hub cannot be reached; this is the copy of commit {commit[:12]}")
                return there
        raise UserError(f"hf:{name} cannot be had, and no copy of it is here: {error}") from error
    complain(f"hf:{repository} at commit {commit}")
    with asked(f"hf:{name}"):
        folder = kept_copy(_copy_name(repository), commit, lambda empty: _download(hub, repository, commit, empty))
    keep(remembered, commit.encode())
    return folder


def push_folder(folder: Path, repository: str, *, private: bool, message: str) -> tuple[str, str]:
    """Uploads the parts of a model as one commit: its URL and the commit's hash.

    Parts of an older upload that this one has not are removed; other files of the repository stay.

    Raises:
        UserError: The user may not write there, or the hub cannot be reached.
    """
    hub, size = client(), sum(path.stat().st_size for path in folder.iterdir())
    with asked(f"hf:{repository}"), without_bars(size):
        api = hub.HfApi(library_name="energan")
        api.create_repo(repository, private=private, exist_ok=True)
        there = {file.path for file in api.get_paths_info(repository, list(PARTS))}
        mine = {name for name in PARTS if (folder / name).is_file()}
        done = api.create_commit(
            repository,
            [hub.CommitOperationAdd(name, str(folder / name)) for name in PARTS if name in mine]
            + [hub.CommitOperationDelete(name) for name in PARTS if name in there - mine],
            commit_message=message,
        )
        return f"{import_module('huggingface_hub.constants').ENDPOINT}/{repository}", str(done.oid)


def client() -> Any:
    """The module huggingface_hub. UserError where it is not installed."""
    if find_spec("huggingface_hub") is None:
        raise UserError("the hub needs the extra: pip install 'energan[hub]'")
    return import_module("huggingface_hub")


@contextmanager
def without_bars(size: int) -> Iterator[None]:
    """Inside, the client shows no progress of transfers that are so small that nobody waits for them."""
    bars = import_module("huggingface_hub.utils")
    shown = size < LONG and not bars.are_progress_bars_disabled()
    if shown:
        bars.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bars()


class Unreachable(UserError):
    """The hub did not answer, or may not be asked."""


@contextmanager
def asked(what: str) -> Iterator[None]:
    """Inside, the client's errors are one sentence each. what: which model is asked for."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of the client, of what it is built on, of a server that answers anything
        names = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(getattr(error, "response", None), "status_code", None)
        if "GatedRepoError" in names:
            raise UserError(f"{what} is given to those who were let in: ask for it on its page, and log in") from error
        if "RevisionNotFoundError" in names:
            raise UserError(f"{what} has no such revision: name a branch, a tag or a commit") from error
        if "RepositoryNotFoundError" in names or status in (401, 403):
            raise UserError(
                f"{what} is not there, or not for you: check the name, and log in by `hf auth login` or HF_TOKEN"
            ) from error
        lines = printable(str(error)).splitlines()
        why = " ".join((lines[0] if lines else type(error).__name__).split())[:200]
        if status is None:
            raise Unreachable(f"the hub cannot be reached ({why})") from error
        raise UserError(f"{what}: the hub refuses ({why})") from error


def commit_of(hub: Any, repository: str, revision: str) -> str:
    """The hash of the commit that a revision is now."""
    with asked(f"hf:{repository}{'@' * bool(revision)}{revision}"):
        found = hub.HfApi(library_name="energan").model_info(
            repository, revision=revision or None, timeout=10, expand=["sha"]
        )
        if not isinstance(found.sha, str) or not COMMIT.fullmatch(found.sha):
            raise UserError(f"hf:{repository} has no commit: nothing was uploaded yet")
        return str(found.sha)


def _copy_name(repository: str) -> str:
    return repository.replace("/", "--")


def _place(repository: str, commit: str) -> Path | None:
    """The copy of a commit, if it is here."""

    def absent(folder: Path) -> None:
        raise UserError("absent")

    try:
        return kept_copy(_copy_name(repository), commit, absent)
    except UserError:
        return None


def _download(hub: Any, repository: str, commit: str, folder: Path) -> None:
    """Writes the parts of a commit into the folder. UserError for one that is no model, or has a part too large."""
    where = f"hf:{repository}"
    found = hub.HfApi(library_name="energan").get_paths_info(repository, list(PARTS), revision=commit)
    files = [file for file in found if file.path in PARTS and isinstance(getattr(file, "size", None), int)]  # no folder
    sizes = {file.path: file.size for file in files}
    if lacking := [name for name in NEEDED if name not in sizes]:
        raise UserError(
            f"{where} is no model of Energan: it has no {lacking[0]}; what else it holds is not looked at, and no "
            "pickle is read"
        )
    for name, size in sizes.items():
        check_part(name, size, where)
    with without_bars(sum(sizes.values())):
        for name, size in sizes.items():
            file = Path(hub.hf_hub_download(repository, name, revision=commit, local_dir=folder))
            if file.is_symlink() or file.stat().st_size != size:
                raise UserError(f"{where}: its {name} has another size than the hub says; it is not taken")
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes of what it did
