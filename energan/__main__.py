"""python -m energan"""

import sys

from energan.cli import main

sys.exit(main())
