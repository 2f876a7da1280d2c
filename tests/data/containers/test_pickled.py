"""Pickles are interpreted: containers, text, numbers and arrays of numbers come back, and nothing else is built."""

import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from energan.data import load
from energan.data.containers.pickled import read_pickle
from energan.utils.errors import UserError

REFUSED = (UserError, ValueError, LookupError, TypeError, EOFError, ArithmeticError, AttributeError, RuntimeError)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=8,
)


@given(PLAIN, st.integers(0, 4))
def test_plain_values_come_back(value, protocol):
    if protocol < 3 and _has_bytes(value):
        return  # empty bytes are a call of bytes() then
    assert read_pickle(pickle.dumps(value, protocol)) == value


def _has_bytes(value: object) -> bool:
    if isinstance(value, bytes):
        return True
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_bytes, inside))


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.int64, np.float32, np.dtype(">i4"), np.bool_]),
        arrays.array_shapes(max_dims=3, max_side=4),
    ),
    st.integers(2, 4),
)
def test_arrays_come_back(array, protocol):
    for made in (array, np.asfortranarray(array)):
        found = read_pickle(pickle.dumps({"data": made, "again": [made, made]}, protocol))
        for each in (found["data"], *found["again"]):
            assert each.dtype == made.dtype and np.array_equal(each, made, equal_nan=made.dtype.kind == "f")


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_are_refused_or_read(noise, at, byte):
    sound = bytearray(pickle.dumps({"data": np.zeros((2, 3), np.uint8), "labels": [1, 2]}, 2))
    sound[at % len(sound)] = byte
    for content in (noise, b"\x80\x02" + noise + b".", bytes(sound)):
        with suppress(*REFUSED):
            read_pickle(content)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize(
    "value",
    [
        Trap(),
        {"labels": [Trap()]},
        OrderedDict(a=1),
        {1, 2},
        1j,
        np.array([Trap()]),
        np.dtype("O"),
        Path("x"),
        np.int64(3),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_else_is_built(tmp_path, monkeypatch, value, protocol):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UserError, ValueError)):
        read_pickle(pickle.dumps(value, protocol))
    assert not (tmp_path / "sprung").exists()


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def number(value: int) -> bytes:
    return b"J" + value.to_bytes(4, "little", signed=True)


def typed(kind: str, state: bytes) -> bytes:
    return named("numpy", "dtype") + text(kind) + b"\x89\x88\x87R" + state + b"b"


def array(kind: bytes, shape: bytes, content: bytes) -> bytes:
    made = (
        named("numpy.core.multiarray", "_reconstruct")
        + named("numpy", "ndarray")
        + b"("
        + number(0)
        + b"t"
        + text("b")
        + b"\x87R"
    )
    return made + b"(" + number(1) + shape + kind + b"\x89" + b"C" + bytes([len(content)]) + content + b"tb"


SOUND = b"(" + number(3) + text("|") + b"NNN" + number(-1) * 2 + number(0) + b"t"

FORGED = {
    "pointers": array(typed("O8", SOUND), b"(" + number(1) + b"t", b"A" * 8),
    "pointers by state": array(typed("V8", SOUND), b"(" + number(1) + b"t", b"A" * 8),
    "fields": array(
        typed("u1", b"(" + number(3) + text("|") + b"N" + text("a") + b"\x85}" + number(8) * 3 + b"t"),
        b"(" + number(1) + b"t",
        b"A",
    ),
    "more than there is": array(typed("u1", SOUND), b"(" + number(2**31 - 1) + b"t", b"A"),
    "less than nothing": array(typed("u1", SOUND), b"(" + number(-1) + number(-1) + b"t", b"A"),
    "not a shape": array(typed("u1", SOUND), text("ab"), b"A"),
    "true": array(typed("u1", SOUND), b"(\x88t", b"A"),
    "a call of ndarray": named("numpy", "ndarray") + b"(" + number(1) + b"t\x85R",
    "state of a list": b"](" + number(1) + b"tb",
    "a persistent name": b"Pabc\n",
    "an extension": b"\x82\x01",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_arrays_are_refused(name):
    with pytest.raises(REFUSED):
        read_pickle(b"\x80\x04}(" + text("data") + FORGED[name] + text("labels") + b"]u.")


def test_a_forged_pointer_does_not_end_the_process(tmp_path):
    """dtype('O8') with flags 0 is not known to hold objects; an ndarray of it takes its pointers from the file."""
    content = b"\x80\x04}(" + text("data") + FORGED["pointers"] + text("labels") + b"]u."
    for k in range(1, 6):
        (tmp_path / f"data_batch_{k}").write_bytes(content)
    code = f"""
from energan.data import load
from energan.utils.errors import UserError
try: load({str(tmp_path)!r}, progress=False)
except UserError as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "items of type 'O8', which are no numbers" in done.stdout, f"exit {done.returncode}"


def test_labels_that_refer_to_one_another(tmp_path):
    """A list of a list of ... twice each: thirty of them are a billion numbers to who walks through them."""
    labels = b"]q\x00(" + number(1) + number(1) + b"e"
    for k in range(1, 30):
        before = b"h" + bytes([k - 1])
        labels += b"]q" + bytes([k]) + b"(" + before + before + b"e"
    all_lists = text("lists") + b"(" + labels + b"l"
    content = b"\x80\x02}(" + all_lists + text("data") + text("x") + text("labels") + b"h\x1du."
    for k in range(1, 6):
        (tmp_path / f"data_batch_{k}").write_bytes(content)
    with pytest.raises(UserError, match="holds no images of 3 x 32 x 32"):
        load(tmp_path, progress=False)
