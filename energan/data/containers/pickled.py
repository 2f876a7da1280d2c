"""Reads the pickled arrays of published sets without unpickling: nothing is imported, called or built as a file says.

A pickle is a program. Python's unpickler runs it, and NumPy believes what it builds of itself, such as a type whose
items are pointers. Here the few instructions that the published files use are interpreted: containers, text, numbers,
and arrays of numbers, whose type and shape are checked against their bytes.
"""

import math
import pickletools
import re
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy import ndarray as Array

from energan.utils.errors import UserError, printable

RECONSTRUCT = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}

NDARRAY, DTYPE, ENCODE = ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")

KNOWN = {*RECONSTRUCT, NDARRAY, DTYPE, ENCODE}

TYPES = re.compile(r"b1|[iu][1248]|f[248]")  # of an array's items: numbers

PLAIN = {  # instructions that put their argument on the stack
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "STRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}

CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}

PUTS, GETS = {"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"}, {"BINGET", "LONG_BINGET", "GET"}


@final
class _Name:
    """A name that the pickle would import."""

    def __init__(self, module: str, name: str) -> None:
        if (module, name) not in KNOWN:
            wanted = printable(f"{module}.{name}")
            raise UserError(f"the archive wants to load {wanted}, which is not an array: refused")
        self.path = (module, name)


@final
class _Type:
    """The type of an array's items: a letter and a number of bytes; the order of bytes comes later."""

    def __init__(self, text: object) -> None:
        if not isinstance(text, str) or not TYPES.fullmatch(text):
            raise ValueError(f"an array has items of type {text!r}, which are no numbers")
        self.text, self.order = text, "|"

    def build(self, state: object) -> None:
        """state: version, order of bytes, and what types of numbers do not have."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("an array's type is damaged")
        if any(part is not None for part in state[2:5]) or any(part not in (-1, 0) for part in state[5:]):
            raise ValueError("an array's items are no numbers")
        self.order = state[1]


@final
class _Array:
    """An array that is announced, and built later; `places` in the memory are where it then belongs."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def build(self, state: object) -> Array[Any, Any]:
        """The array. state: version, shape, type, whether columns come first, the bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array is damaged")
        _, shape, kind, by_columns, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        sound = isinstance(shape, tuple) and all(type(length) is int and length >= 0 for length in shape)
        if not sound or not isinstance(kind, _Type) or not isinstance(content, bytes):
            raise ValueError("an array is damaged")
        dtype = np.dtype(kind.order + kind.text)
        if math.prod(shape) * dtype.itemsize != len(content) or len(shape) > 4:
            raise ValueError(f"an array of shape {shape} has {len(content)} bytes")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def read_pickle(content: bytes) -> Any:
    """What was pickled: dicts with text as keys, lists, tuples, text, bytes, numbers, None, and arrays of numbers.

    Python 2's text is taken as latin-1. UserError for a name that is none of NumPy's arrays; ValueError (or LookupError
    or TypeError) for a pickle that is damaged or holds anything else.
    """
    machine = _Machine()
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name == "STOP":
            return machine.pop()
        machine.run(instruction.name, argument)
    raise EOFError("it ends too early")


@final
class _Machine:
    """The stack and the memory of a pickle's program."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def pop(self) -> Any:
        if not self._stack or (self._marks and self._marks[-1] == len(self._stack)):
            raise ValueError("it takes what is not there")
        return self._stack.pop()

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        taken, self._stack[start:] = self._stack[start:], []
        return taken

    def run(self, name: str, argument: Any) -> None:
        """One instruction."""
        if name in PLAIN:
            self._stack.append(argument)
        elif name in CONSTANTS:
            self._stack.append(CONSTANTS[name]())
        elif name in PUTS:
            place = len(self._memo) if name == "MEMOIZE" else int(argument)
            self._memo[place] = self._stack[-1]
            if isinstance(self._stack[-1], _Array):
                self._stack[-1].places.append(place)
        elif name in GETS:
            self._stack.append(self._memo[int(argument)])
        elif name == "MARK":
            self._marks.append(len(self._stack))
        elif name == "GLOBAL":
            self._stack.append(_Name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = self.pop(), self.pop()
            self._stack.append(_Name(str(module), str(attribute)))
        elif name not in ("PROTO", "FRAME"):
            self._containers(name)

    def _containers(self, name: str) -> None:
        if name in ("TUPLE", "LIST"):
            taken = self._since_mark()
            self._stack.append(tuple(taken) if name == "TUPLE" else taken)
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            self._stack.append(tuple(self.pop() for _ in range(int(name[-1])))[::-1])
        elif name in ("APPEND", "APPENDS"):
            items = [self.pop()] if name == "APPEND" else self._since_mark()
            _typed(list, self._stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            items = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self._since_mark()
            if name == "DICT":
                self._stack.append({})
            for key, value in zip(items[::2], items[1::2], strict=True):
                _typed(dict, self._stack[-1])[_typed(str, key)] = value
        elif name == "REDUCE":
            arguments = self.pop()
            self._stack.append(_called(_typed(_Name, self.pop()).path, _typed(tuple, arguments)))
        elif name == "BUILD":
            state, built = self.pop(), self._stack[-1]
            if isinstance(built, _Array):
                self._stack[-1] = built.build(state)
                self._memo |= dict.fromkeys(built.places, self._stack[-1])
            else:
                _typed(_Type, built).build(state)
        else:
            raise ValueError(f"it has the instruction {name}, which no arrays need")


def _called(path: tuple[str, str], arguments: tuple[Any, ...]) -> object:
    """What a call gives: an array or a type that is still to be built, or bytes."""
    if path in RECONSTRUCT:
        return _Array()
    if path == DTYPE:
        return _Type(arguments[0])
    if path == ENCODE:  # how Python 3 writes bytes for Python 2
        return _typed(str, arguments[0]).encode("latin1")
    raise ValueError(f"it calls {path[0]}.{path[1]}, which no published set does")


def _typed(kind: type, value: Any) -> Any:
    """The value. ValueError if it is of another type."""
    if type(value) is not kind:
        raise ValueError(f"it has a {type(value).__name__.strip('_')} where a {kind.__name__.strip('_')} belongs")
    return value
