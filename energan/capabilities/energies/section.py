"""The energies of real and generated images, as histograms over the steps."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_high
from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.energies.anomalies import anomalies
from energan.html.charts import Chart
from energan.html.pictures import evenly
from energan.runs.reader import Json, RunFiles, mapping, number, sequence

HISTOGRAMS = 60  # in one page, at most
BINS = 120  # in one histogram, at most


class Histogram(NamedTuple):
    """Counts of energies at one step: b + 1 rising edges, b counts of real and of generated images."""

    step: int
    edges: list[float]
    real: list[float]
    fake: list[float]


def sections(run: RunFiles) -> list[Section]:
    """The sections "Energy", of runs that draw, and "Anomalies", of runs that were calibrated."""
    values = histograms(energies(run), mapping(run.game.get("hyperparameters")))
    draws = "sample" in sequence(run.game.get("readouts"))
    shown = [Section("energy", "Energy", "energies/section.html", values, late=True)] if draws or values else []
    return [*anomalies(run), *shown]


def energies(run: RunFiles) -> list[Histogram]:
    """The histograms that the run logged and that are whole."""
    by_step = {}
    for step, line in run.lines:
        histogram = mapping(line.get("energies"))
        edges, real, fake = (_numbers(histogram.get(key)) for key in ("edges", "real", "fake"))
        rising = all(a < b for a, b in pairwise(edges))
        if real and len(real) == len(fake) == len(edges) - 1 and rising:
            by_step[step] = Histogram(step, edges, real, fake)
    return list(by_step.values())


def _numbers(value: object) -> list[float]:
    """The array's numbers, or none of them if one is not a finite number."""
    numbers = [number(v) for v in sequence(value)]
    return [] if None in numbers else [v for v in numbers if v is not None]


def histograms(energies: Sequence[Histogram], numbers: Json) -> Chart | None:
    """Shares of real and generated images per energy, at most HISTOGRAMS steps; None without any."""
    if not energies:
        return None
    chosen = [_coarser(energies[i]) for i in evenly(len(energies), HISTOGRAMS)]
    spans = [_span(h) for h in chosen]
    margin, most = number(numbers.get("margin")), max(high for _, high in spans)
    usual = median_high(high for _, high in spans)
    # A range of energies that suits most steps: one that diverged would flatten all.
    top = min(most, max(3 * usual, margin or 0.0)) if usual > 0 else most
    return {
        "frames": [
            {
                "step": h.step,
                "edges": h.edges,
                "real": _shares(h.real),
                "fake": _shares(h.fake),
                "low": low,
                "high": high,
            }
            for h, (low, high) in zip(chosen, spans, strict=True)
        ],
        "margin": margin,
        "low": min(low for low, _ in spans),
        "top": max(top, 1.03 * margin) if margin is not None and margin < 3 * top else top,
        "most": most,
    }


def _span(h: Histogram) -> tuple[float, float]:
    """The least and the largest energy of its images; of all bins where there are no images."""
    used = [i for i, counts in enumerate(zip(h.real, h.fake, strict=True)) if any(counts)] or range(len(h.real))
    return h.edges[used[0]], h.edges[used[-1] + 1]


def _coarser(h: Histogram) -> Histogram:
    """Neighbouring bins joined until there are at most BINS of them."""
    k = -(-len(h.real) // BINS)
    real, fake = ([sum(counts[i : i + k]) for i in range(0, len(counts), k)] for counts in (h.real, h.fake))
    edges = [*h.edges[:-1:k], h.edges[-1]]
    return Histogram(h.step, edges, real, fake)


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts)
    return [round(c / total, 6) if total > 0 else 0.0 for c in counts]
