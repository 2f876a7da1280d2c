"""The studio's server: bound to this machine's own address, it asks nothing of any other."""

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from energan.studio.guard import Guard
from energan.studio.models import Models
from energan.studio.notes import FOLDER
from energan.studio.runs import Runs
from energan.studio.studio import Studio
from energan.studio.trainings import Trainings
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.hardware import share_memory
from energan.utils.signals import as_terminated

HOST = "127.0.0.1"
NICE = 10  # how much less urgent than a training what pages ask of models is
TENDED = 2.0  # seconds after which trainings that wait are looked at again
NAMED = 5  # trainings of others, at most
TIDIED = 10.0  # seconds after which what closed pages had is given back
RECONNECTED = 60.0  # seconds in which a page that lost its connection finds itself again


def serve(
    runs: Path,
    *,
    port: int,
    data: Sequence[Path] = (),
    at_once: int = 1,
    device: str = "cpu",
    ready: Callable[[str], None] = lambda link: None,
) -> None:
    """Serves the studio until it is interrupted.

    Args:
        runs: The folder of runs; it is made if need be.
        port: The port; 0 for any that is free.
        data: Folders with images that the pages may read.
        at_once: Trainings at a time; the others wait.
        device: Where models compute.
        ready: Called with the link, which has the token, once it answers.

    Raises:
        UserError: The port is taken, or the folder cannot be made.
    """
    share_memory()
    cores = os.cpu_count() or 1
    with _listening(port) as listener, tempfile.TemporaryDirectory(prefix="energan-studio-") as uploads:
        try:
            runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the folder of runs {runs} cannot be made: {(error.strerror or '').lower()}") from error
        trainings = Trainings(runs.resolve(), at_once, threads=max(1, cores // at_once))
        if others := trainings.notes.others():
            warn(
                f"{runs / FOLDER} has notes of trainings that were not asked for by this user in this folder "
                f"({', '.join(others[:NAMED])}{', ...' * (len(others) > NAMED)}): they are not begun"
            )
        port, token = listener.getsockname()[1], secrets.token_urlsafe(24)
        studio = Studio(
            runs=Runs(runs),
            trainings=trainings,
            models=Models(device, at_once=max(1, cores // 2)),
            data=tuple(path.resolve() for path in data),
            uploads=Path(uploads),
            workers=ThreadPoolExecutor(max(4, cores), "studio"),
            computing=ThreadPoolExecutor(max(1, cores // 2), "studio-models", initializer=_yielding),
        )
        app = _application(studio, lambda: ready(f"http://{HOST}:{port}/?token={token}"), Path(uploads))
        import uvicorn  # which NiceGUI brings

        config = uvicorn.Config(Guard(app, token, port), log_level="warning", access_log=False, ws="websockets-sansio")
        try:
            with as_terminated():  # uvicorn knows Ctrl-C and SIGTERM alone
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            for pool in (studio.workers, studio.computing):
                pool.shutdown(wait=False, cancel_futures=True)


def _yielding() -> None:
    """Lets trainings go first where this thread computes, as far as the system can."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)  # now: until somebody listens, another may have the port, too
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(f"`port` {port} is taken, or may not be had: name another one, or 0 for any") from error
    return listener


def _application(studio: Studio, started: Callable[[], None], folder: Path):  # type: ignore[no-untyped-def]
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(folder / "storage"))  # else a folder where it was started
    from nicegui import app as pages  # first: where it is missing, it is what is to be installed
    from nicegui import ui

    from fastapi import FastAPI  # isort: skip

    from energan.studio.pages import PAGES, static
    from energan.studio.pages.closed import give_back

    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages.add_static_files("/static", static())
    for page in PAGES:
        page(studio)
    ui.run_with(
        api, title="Energan studio", dark=None, favicon="⚡", reconnect_timeout=RECONNECTED, show_welcome_message=False
    )
    pages.on_startup(started)
    pages.timer(TENDED, lambda: studio.work(studio.trainings.tend))
    closed = threading.Event()
    pages.on_delete(closed.set)

    async def tidy() -> None:
        if closed.is_set():
            closed.clear()
            await studio.work(give_back)

    pages.timer(TIDIED, tidy)
    return api
