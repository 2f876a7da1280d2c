"""python -m energan"""

import os
import sys

from energan.cli import main
from energan.ranks import stand
from energan.voice import one_voice

code = one_voice(main)
if stand()[1] > 1:  # among ranks, threads of gloo's may abort an interpreter that takes itself down
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
sys.exit(code)
