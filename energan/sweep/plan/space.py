"""Which settings a sweep tries: a grid, a random sample, Sobol points or a list.

    Choices      lr=1e-3,1e-4        each of them
    Range        margin=5:20         numbers from 5 to 20; 5:20:log evenly in the logarithm; 5:20:log:4 are 4 choices

A space has a number of settings, and the i-th is computed from i alone: ten thousand take no more memory than ten.
What is drawn continues: the first 100 of a sample of 200 are the sample of 100.
"""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, final

from energan.sweep.plan.values import value_of
from energan.utils.errors import UserError
from energan.utils.files import read_file, user_path
from energan.utils.imports import import_attribute

LARGEST = 2**26  # bytes of a list of settings
MOST = 10**7  # settings of a sweep
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"(?P<low>{NUMBER}):(?P<high>{NUMBER})(?P<log>:log)?(?::(?P<n>\d+))?")

Setting = dict[str, Any]


@final
class Choices(NamedTuple):
    """Some values."""

    values: tuple[Any, ...]

    def at(self, u: float) -> Any:
        """The value at u, from 0 to below 1."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def described(self) -> Any:
        return list(self.values)


@final
class Range(NamedTuple):
    """All numbers from low to high, or all whole ones; evenly in the logarithm if `log`."""

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, u: float) -> float:
        """The number at u, from 0 to 1, of six digits: another processor's rounding is not seen in it."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        x = math.exp(math.log(low) + u * (math.log(high) - math.log(low))) if self.log else low + u * (high - low)
        if self.whole:
            return int(min(max(round(x), self.low), self.high))
        return min(max(float(f"{x:.6g}"), self.low), self.high)

    def described(self) -> Any:
        return {"low": self.low, "high": self.high, "log": self.log}


Axis = Choices | Range


class Space(Protocol):
    """A number of settings; `setting(i)` depends on i alone."""

    def __len__(self) -> int: ...

    def setting(self, i: int) -> Setting: ...

    @property
    def growing(self) -> bool:
        """Whether a larger one of the same kind begins with this one."""
        ...

    def described(self) -> dict[str, Any]:
        """What it is made of, as JSON, but for how many settings are drawn."""
        ...


def axes(over: Sequence[str], types: Mapping[str, Any]) -> dict[str, Axis]:
    """The axes of texts such as "lr=1e-3,1e-4" and "margin=5:20:log", by the flags' types. UserError for others."""
    found: dict[str, Axis] = {}
    for text in over:
        name, equals, values = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals:
            raise UserError(f"`over` {text!r} has no =; write it as lr=1e-3,1e-4 or margin=5:20:log")
        if name == "seed":
            raise UserError("`over` seed: give `seeds` instead, as in --seeds 0 1 2")
        check_names([name], types)
        if name in found:
            raise UserError(f"`over` names {name} twice; put all its values into one")
        found[name] = _axis(name, types[name], values.strip())
    return found


def check_names(names: Iterable[str], types: Mapping[str, Any]) -> None:
    """UserError for a name that is none of the recipe's flags."""
    from difflib import get_close_matches

    for name in names:
        if name not in types:
            close = get_close_matches(name, list(types), n=1, cutoff=0.4)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(types)}"
            raise UserError(f"the recipe has no flag {name!r}: {hint}")


def _axis(name: str, hint: Any, text: str) -> Axis:
    if match := RANGE.fullmatch(text):
        ends = [_number(name, hint, match[end]) for end in ("low", "high")]
        if ends[0] is not None and ends[1] is not None:
            return _range(name, text, ends[0], ends[1], bool(match["log"]), match["n"])
    values = tuple(value_of(name, hint, part.strip()) for part in text.split(",")) if text else ()
    if not values:
        raise UserError(f"`over` {name} has no values; write it as {name}=1,2 or {name}=1:2")
    if len(set(map(repr, values))) < len(values):
        raise UserError(f"`over` {name}={text} has one value twice")
    return Choices(values)


def _number(name: str, hint: Any, text: str) -> float | None:
    """The number that an end of a range is; None of a flag that takes texts, where low:high is one."""
    value = value_of(name, hint, text)
    return value if isinstance(value, int | float) else None


def _range(name: str, text: str, low: float, high: float, log: bool, count: str | None) -> Axis:
    if not low < high:
        raise UserError(f"`over` {name}={text} is empty: the first number must be below the second")
    whole = isinstance(low, int) and isinstance(high, int)
    if log and low <= 0:
        raise UserError(f"`over` {name}={text}: a logarithm needs numbers above 0")
    across = Range(low, high, log, whole)
    if count is None:
        return across
    if not 2 <= (n := int(count)) <= MOST:
        raise UserError(f"`over` {name}={text}: there must be 2 values or more")
    evenly = across if not whole else Range(float(low), float(high), log, False)
    values = [evenly.at(i / (n - 1)) for i in range(n)]
    return Choices(tuple(dict.fromkeys(round(v) if whole else v for v in values)))


def _size(of: Mapping[str, Axis]) -> int:
    """How many settings a grid of the axes has; 0 where an axis is a range."""
    return math.prod(len(axis.values) if isinstance(axis, Choices) else 0 for axis in of.values())


def _of_grid(of: Mapping[str, Axis], i: int) -> Setting:
    """The i-th of the grid; the last axis changes first."""
    setting: Setting = {}
    for name, axis in reversed(list(of.items())):
        assert isinstance(axis, Choices)
        i, place = divmod(i, len(axis.values))
        setting[name] = axis.values[place]
    return dict(reversed(list(setting.items())))


@final
class Grid:
    """Each choice of every axis with each of all others."""

    growing = False

    def __init__(self, over: Mapping[str, Axis]) -> None:
        for name, axis in over.items():
            if isinstance(axis, Range):
                text = f"{axis.low:g}:{axis.high:g}{':log' if axis.log else ''}"
                raise UserError(
                    f"`over` {name}={text} is all numbers between: give `sample` or `sobol`, or so many of them as in "
                    f"{name}={text}:4"
                )
        self._over, self._n = dict(over), _size(over)

    def __len__(self) -> int:
        return self._n

    def setting(self, i: int) -> Setting:
        return _of_grid(self._over, i)

    def described(self) -> dict[str, Any]:
        return {"kind": "grid", "over": {name: axis.described() for name, axis in self._over.items()}}


@final
class Sample:
    """n random settings. Of choices alone, none is drawn twice."""

    growing = True

    def __init__(self, over: Mapping[str, Axis], n: int, seed: int) -> None:
        self._over, self._n, self._seed, self._grid = dict(over), n, seed, _size(over)
        if self._grid and n > self._grid:
            raise UserError(f"`sample` {n} is more than the {self._grid} settings that there are; leave it out")

    def __len__(self) -> int:
        return self._n

    def setting(self, i: int) -> Setting:
        if self._grid:
            return _of_grid(self._over, shuffled(i, self._grid, self._seed))
        return {name: axis.at(_uniform(f"{self._seed} {i} {name}")) for name, axis in self._over.items()}

    def described(self) -> dict[str, Any]:
        over = {name: axis.described() for name, axis in self._over.items()}
        return {"kind": "sample", "seed": self._seed, "over": over}


@final
class Sobol:
    """n points of a scrambled Sobol sequence: they fill the space more evenly than random ones."""

    growing = True

    def __init__(self, over: Mapping[str, Axis], n: int, seed: int) -> None:
        self._over, self._n, self._seed, self._next = dict(over), n, seed, 0

    @cached_property
    def _points(self) -> Any:
        from torch.quasirandom import SobolEngine

        return SobolEngine(len(self._over), scramble=True, seed=self._seed)

    def __len__(self) -> int:
        return self._n

    def setting(self, i: int) -> Setting:
        if i < self._next:
            self._points.reset()
            self._next = 0
        import torch

        if i > self._next:
            self._points.fast_forward(i - self._next)
        self._next = i + 1
        point = self._points.draw(1, dtype=torch.float64)[0].tolist()
        return {name: axis.at(u) for (name, axis), u in zip(self._over.items(), point, strict=True)}

    def described(self) -> dict[str, Any]:
        over = {name: axis.described() for name, axis in self._over.items()}
        return {"kind": "sobol", "seed": self._seed, "over": over}


@final
class Points:
    """A list of settings."""

    growing = False

    def __init__(self, points: Sequence[Setting], source: str) -> None:
        self._points, self._source = points, source

    def __len__(self) -> int:
        return len(self._points)

    def setting(self, i: int) -> Setting:
        return dict(self._points[i])

    def described(self) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(list(self._points), sort_keys=True).encode()).hexdigest()
        return {"kind": "points", "source": self._source, "n": len(self), "sha256": digest}


def points(source: str, types: Mapping[str, Any]) -> Points:
    """The settings of a .json file, a list of objects, or that a function my.module:settings returns.

    UserError for what is no list of settings of the recipe's flags.
    """
    found = _called(source) if ":" in source and not source.endswith(".json") else _read(source)
    try:
        listed = list(itertools.islice(found, MOST + 1))
    except TypeError:
        raise UserError(f'`points` {source} has no list of settings: write one as [{{"lr": 0.001}}]') from None
    if not listed:
        raise UserError(f"`points` {source} has no settings")
    if len(listed) > MOST:
        raise UserError(f"`points` {source} has more than {MOST:,} settings")
    kept = []
    for place, given in enumerate(listed):
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise UserError(f"`points` {source}: the setting of number {place} is no object of flags and values")
        named = {name.replace("-", "_"): value for name, value in given.items()}
        if "seed" in named:
            raise UserError(f"`points` {source} has a seed: give `seeds` instead")
        check_names(named, types)
        kept.append({name: value_of(name, types[name], value) for name, value in named.items()})
    return Points(kept, source)


def _called(source: str) -> Any:
    try:
        function: Callable[[], Any] = import_attribute(source)
        return function()
    except Exception as error:  # anyone's code may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"`points` {source} gave no settings ({reason}); it is to be a function without arguments"
        ) from error


def _read(source: str) -> Any:
    try:
        return json.loads(read_file(user_path(source), LARGEST))
    except OSError as error:
        raise UserError(f"cannot read `points` {source}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"`points` {source} is no JSON ({str(error)[:200]})") from error


def _uniform(text: str) -> float:
    """A number from 0 to below 1, as random as a hash is."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def shuffled(i: int, n: int, seed: int) -> int:
    """Where i goes in a random order of n numbers: a Feistel network, walked until it ends among them."""
    half = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = i >> half, i & mask
        for turn in range(4):
            digest = hashlib.sha256(f"{seed} {turn} {right}".encode()).digest()
            left, right = right, left ^ (int.from_bytes(digest[:8], "big") & mask)
        i = left << half | right
        if i < n:
            return i
