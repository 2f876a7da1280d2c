"""What the command `compare` prints and writes of two sets of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energan.utils.console import as_text, complain, say

if TYPE_CHECKING:
    from energan.metrics.comparison.sets import Asked


def compare_images(real: str, fake: str, asked: "Asked", out: str, json: bool) -> int:
    """Measures, prints, and writes the page. UserError for sets or options that cannot be used."""
    from energan.metrics.comparison.sets import compared_images

    found = compared_images(real, fake, asked)
    say(as_text(found.result) if json else _table(found.result))
    if out:
        from energan.report.compare.images import write_images

        sides, features = found.sides, found.features
        page = write_images(Path(out), found.result, (sides[0].images, sides[1].images), (features[0], features[1]))
        complain(f"page: {page}")
    return 0


def _table(result: Mapping[str, Any]) -> str:
    from energan.metrics.comparison.sets import MEASURES

    equal = result["equal"]
    real, fake = result["real"], result["fake"]
    lines = [
        f"REAL  {real['name']}, {real['n']:,} images",
        f"FAKE  {fake['name']}, {fake['n']:,} images",
        f"{result['size']}; network {result['network']}",
        "",
        f"{'':24}{'FAKE':>12}{'FAKE':>14}{'other part':>14}",
        f"{'against':24}{'REAL':>12}{'part of REAL':>14}{'part of REAL':>14}",
        f"{'images':24}{min(real['n'], fake['n']):>12,}{equal['n']:>14,}{equal['n']:>14,}",
    ]
    if real["n"] != fake["n"]:
        lines[-1] = f"{'images':24}{fake['n']:>5,}, {real['n']:>5,}{equal['n']:>14,}{equal['n']:>14,}"
    for name in MEASURES:
        cells = result["scores"][name], equal["fake"][name], equal["real"][name]
        lines.append(f"{result['names'][name]:24}{cells[0]:>12.4g}{cells[1]:>14.4g}{cells[2]:>14.4g}")
    lines += [
        "",
        "The last column is what real images score, at the same number as the column before it.",
        f"{result['names']['FID']} of infinitely many images, by a line through those of sub-samples: "
        f"{max(0.0, result['unbiased_fid']):.4g} (bias {result['fid_bias']:.3g}).",
        *(f"warning: {sentence}" for sentence in result["warnings"]),
    ]
    return "\n".join(lines)
