"""Of several ranks, one is heard."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

from energan.ranks import stand

TOLD = timedelta(seconds=10)  # how long a rank that fails waits for the first to say why


def one_voice(program: Callable[[], int]) -> int:
    """The program's exit code. Of several ranks, the first is heard; another only if it fails and the first is silent.

    A rank that fails waits for the first to have spoken: torchrun ends all others as soon as one has ended.
    """
    rank, count, _ = stand()
    if count == 1:
        return program()
    heard = StringIO()
    with Path(os.devnull).open("w") as nowhere:
        code = 1
        try:
            if rank == 0:
                code = program()
            else:
                with redirect_stdout(nowhere), redirect_stderr(heard):
                    code = program()
        except SystemExit as leaving:  # wrong flags
            code = int(leaving.code or 0)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to ranks that end a moment after the first
            if code and not _told(rank) and rank:
                sys.stderr.write(f"rank {rank}: {heard.getvalue()}")
    return code


def _told(rank: int) -> bool:
    """Rank 0 lets the others know that it has spoken; another waits to hear that it has."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    key = f"energan/told/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}"
    sys.stderr.flush()
    try:
        store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=TOLD)
        if rank == 0:
            store.set(key, "yes")
        else:
            store.wait([key], TOLD)
    except RuntimeError:  # the store is gone, or nothing was said
        return False
    return True
