"""What the command line can do with runs that draw by chains: sample, invert, inpaint, walk, excite.

None is the system's own setting, as it was published or as the run's flags had it.
"""

from typing import Annotated, Literal

from tyro.conf import arg

Gradient = Literal["log-softmax", "logit", "activation"]

Class = Annotated[str, arg(name="class")]
