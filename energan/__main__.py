"""python -m energan"""

import sys

from energan.cli import main
from energan.voice import one_voice

sys.exit(one_voice(main))
