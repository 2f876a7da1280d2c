"""Whether D reads sentences, on images that were held out; and whether worded digits are drawn as sentences say."""

from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.capabilities.capability import Measurement
from energan.data import ImageSet, held_out_split
from energan.data.image_set import fixed_subset
from energan.data.named.captioned.wording import FACTS, facts
from energan.data.pixels import to_unit
from energan.engine.game import Batch, Players
from energan.engine.isolation import isolated
from energan.html.formatting import figure, plain
from energan.inference.chunks import chunk_size
from energan.inference.match import match
from energan.inference.model import Model
from energan.metrics.worded import agreement
from energan.runs.reader import Json, mapping

SWAPPED = 2000  # images whose sentences are swapped, at most
CANDIDATES = 100  # sentences among which an image's own is looked for
GROUPS = 5  # of so many images, at most
OBEYED = 1000  # samples of each split whose words are judged, at most
WORDED = "worded-mnist"  # the set whose sentences can be judged
SPLITS = ("test", "zero-shot")

METRICS = {
    "own words preferred": (
        "higher",
        "share of held-out images that the system itself matches better with their own words than with another "
        "image's; 0.5 for one that does not read",
    ),
    "R@1": ("higher", "share of held-out images whose own words match best of 100 images' words; 0.01 by chance"),
    "R@10": ("higher", "share of held-out images whose own words are among the best ten of 100; 0.1 by chance"),
    "words obeyed": (
        "higher",
        "share of the words asked for (colour, thickness, slant, place, digit) that are true of the samples, by "
        "a judge that measures pixels; sentences of held-out images",
    ),
    "words obeyed, zero-shot": ("higher", "the same for sentences that join words which were never seen together"),
    "words obeyed of real": ("", "the same for the real images of the first: samples cannot be judged better"),
}


def measure(run: Measurement) -> dict[str, Any]:
    """What is known of the sentences, as entries of evaluation.json; nothing where held-out images have none."""
    test = run.experiment.test_set()
    if run.experiment.sentences is None or not test.captions:
        return {}
    where = "held out" if held_out_split(run.experiment.source) else "training images"
    metrics, counts = reading(run, test)
    measured: dict[str, Any] = {**counts, "where": f"{test.name}, {where}"}
    if run.experiment.source == WORDED and tuple(run.model.shape or ()) == tuple(test.images.shape[1:]) == (3, 32, 32):
        obeyed = {split: _obeyed(run, run.experiment.given(WORDED, split)) for split in SPLITS}
        rows = fixed_subset(len(test.images), min(run.n, OBEYED))
        said = [facts(test.captions[i][0]) for i in rows.tolist()]
        obeyed["real"] = agreement(test.images[rows], said)
        measured |= {"words": obeyed, "judged": len(rows)}
        names = ("words obeyed", "words obeyed, zero-shot", "words obeyed of real")
        means = (fmean(shares[fact] for fact in FACTS) for shares in obeyed.values())
        metrics |= dict(zip(names, means, strict=True))
    return {"conditions": measured, "metrics": metrics}


def summary(measured: Json) -> str:
    """What was measured, as far as it is known."""
    if not measured.get("swapped"):
        return ""
    judged = f"; {figure(measured['judged'])} samples of two splits judged" if measured.get("judged") else ""
    return f"words of {figure(measured['swapped'])} images ({plain(measured.get('where'))}) swapped{judged}"


def reading(run: Measurement, test: ImageSet) -> tuple[dict[str, float], dict[str, Any]]:
    """Metrics of the match of images with words, and on how many images; of one sentence for each, its first."""
    assert run.experiment.sentences is not None
    encode, _ = run.experiment.sentences
    order = torch.randperm(len(test.images), generator=torch.Generator().manual_seed(0))[: min(run.n, SWAPPED)]
    said = [test.captions[i][0] for i in order.tolist()]
    images, codes = test.images[order], encode(said)
    others = codes.roll(1, 0)
    differ = torch.tensor([_apart(test, a, b) for a, b in zip(order.tolist(), order.roll(1).tolist(), strict=True)])
    if not bool(differ.any()):
        return {}, {}
    own, other = (matches(run.model, images[differ], rows[differ]) for rows in (codes, others))
    metrics = {"own words preferred": float((own > other).double().mean() + (own == other).double().mean() / 2)}
    counts: dict[str, Any] = {"swapped": int(differ.sum()), "own": float(own.mean()), "other": float(other.mean())}
    distinct = [said.index(text) for text in dict.fromkeys(said)]  # of equal sentences, each would be right
    groups = torch.tensor(distinct[: GROUPS * CANDIDATES]).split(CANDIDATES)
    ranks = torch.cat(
        [_ranks(run.model, images[g], codes[g]) for g in groups if len(g) == CANDIDATES or g is groups[0]]
    )
    counts |= {"searched": len(ranks), "candidates": min(CANDIDATES, len(distinct))}
    if counts["candidates"] == CANDIDATES:  # of fewer, the shares would be of another question
        metrics |= {f"R@{k}": float((ranks < k).double().mean()) for k in (1, 10)}
    return metrics, counts


def _apart(test: ImageSet, a: int, b: int) -> bool:
    return not set(test.captions[a]) & set(test.captions[b])


def _ranks(model: Model, images: UInt8[Tensor, "n c h w"], codes: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """How many words match each image better than its own, those that match as well by half."""
    read = match(model, images, codes)
    own = read.diagonal()[:, None]
    return (read > own).sum(1) + ((read == own).sum(1) - 1) / 2


@isolated(gradients=False)
def matches(model: Model, images: UInt8[Tensor, "n c h w"], codes: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """The match of each image with its row of codes."""
    conditions, size = model.game.conditions, chunk_size(images.shape[2:].numel())
    assert conditions is not None
    pairs = zip(images.split(size), codes.split(size), strict=True)
    batches = (Batch({"x": to_unit(x.to(model.device)), "c": c.to(model.device)}) for x, c in pairs)
    return torch.cat([conditions.match(Players(model.nets), batch).float().cpu() for batch in batches])


def _obeyed(run: Measurement, data: ImageSet) -> dict[str, float]:
    """Shares of obeyed words, by fact, of a sample for the first sentence of each image."""
    assert run.experiment.sentences is not None
    encode, _ = run.experiment.sentences
    said = [data.captions[i][0] for i in fixed_subset(len(data.captions), min(run.n, OBEYED)).tolist()]
    drawn = run.model.sample(len(said), run.seed, conditions=encode(said))
    return agreement(drawn, [facts(text) for text in said])


def shares(measured: Json) -> list[tuple[str, Json]]:
    """(split, shares by fact) of the words that were judged, as far as they are known."""
    return [(name, mapping(of)) for name, of in mapping(measured.get("words")).items()]
