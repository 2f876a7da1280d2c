"""python -m energan, and the command `energan`.

Importing the command line takes a moment. A signal in it ends the process at once, with the sentence and the exit code
that it has later: nothing has begun yet.
"""

import os
import signal
import sys
from types import FrameType

STOPPED = 130


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"energan: interrupted\n")
    os._exit(STOPPED)


def start() -> int:
    """The exit code of the program. It does not return among ranks."""
    for descriptor in range(3):  # a file that is opened later must not become the closed stdout
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    from energan.cli import main, one_voice
    from energan.engine.distributed import rank_from_env

    code = one_voice(main)
    if rank_from_env()[1] > 1:  # among ranks, threads of gloo's may abort an interpreter that takes itself down
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(start())
