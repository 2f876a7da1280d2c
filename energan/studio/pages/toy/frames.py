"""What a browser is sent: once all that stays, then frames of what changes, a few kilobytes each.

A frame is 4 bytes, the length of its head; the head, JSON; and, of each system that has not diverged: samples
(SHOWN x 2 uint16, little-endian), the critic's field (SIDE^2 bytes), its gradients (ARROWS^2 x 2 int8).
"""

import base64
import json
import struct
from typing import Any

import numpy as np
from torch import Tensor

from energan.studio.pages.toy.points import SHOWN
from energan.studio.pages.toy.system import ARROWS, SIDE, Look, Pair, System
from energan.studio.pages.toy.words import words_of

OUTSIDE = 0  # a quantised point that is not to be seen; coordinates are 1 to 65535


def places(points: Tensor, extent: float) -> tuple[bytes, int]:
    """Points (n, 2) in [-extent, extent]^2 as uint16 from 1 to 65535, and how many are outside, which are 0."""
    x = points.double().numpy() / extent
    out = (np.abs(x) > 1).any(axis=1)
    quantised = np.rint((np.clip(x, -1, 1) + 1) / 2 * 65534 + 1)
    quantised[out] = OUTSIDE
    return quantised.astype("<u2").tobytes(), int(out.sum())


def heights(values: Tensor) -> tuple[bytes, float, float]:
    """Values as bytes from 0, of the lowest, to 255, of the highest; the lowest, and the highest."""
    x = values.double().numpy()
    low, high = float(x.min()), float(x.max())
    scaled = (x - low) / (high - low) if high > low else np.full_like(x, 0.5)
    return np.rint(scaled * 255).astype("u1").tobytes(), low, high


def arrows(gradients: Tensor) -> tuple[bytes, float]:
    """Gradients (n, 2) as int8, the longest 127 long; and how long that is."""
    x = gradients.double().numpy()
    longest = float(np.sqrt((x**2).sum(1)).max())
    return np.rint(x * (127 / longest if longest > 0 else 0)).astype("i1").tobytes(), longest


def opening(pair: Pair) -> str:
    """What stays, as JSON."""
    points, _ = places(pair.points, pair.extent)
    return json.dumps(
        {
            "points": base64.b64encode(points).decode(),
            "extent": pair.extent,
            "shown": SHOWN,
            "side": SIDE,
            "arrows": ARROWS,
            "systems": [_named(system) for system in pair.systems],
        },
        allow_nan=False,
    )


def _named(system: System) -> dict[str, Any]:
    return {
        "name": system.name,
        "reads": words_of(system.name).reads,
        "errors": system.reads_errors,
        "meanings": dict(system.trainer.game.meanings),
    }


def frame(pair: Pair) -> bytes:
    """What is to be seen now."""
    heads, bodies = [], []
    for system in pair.systems:
        look = system.look()
        head, body = _seen(look, pair.extent) if look else ({}, b"")
        logs = {} if system.told else system.logs
        heads.append({**head, "logs": {k: float(f"{v:.6g}") for k, v in logs.items()}, "told": system.told})
        bodies.append(body)
    text = json.dumps({"step": pair.t, "systems": heads}, allow_nan=False, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + b"".join(bodies)


def _seen(look: Look, extent: float) -> tuple[dict[str, Any], bytes]:
    samples, outside = places(look.samples, extent)
    field, low, high = heights(look.field)
    gradients, longest = arrows(look.gradients)
    head = {name: float(f"{value:.6g}") for name, value in (("low", low), ("high", high), ("longest", longest))}
    return {**head, "outside": outside}, samples + field + gradients
