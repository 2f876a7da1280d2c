"""python -m energan"""

import os
import sys

from energan.cli import main, one_voice
from energan.engine.distributed import rank_from_env

code = one_voice(main)

if rank_from_env()[1] > 1:  # among ranks, threads of gloo's may abort an interpreter that takes itself down
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

sys.exit(code)
