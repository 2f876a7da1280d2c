"""The facts of a set of images, as lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

NAMED = 5  # broken files, groups of duplicates, sizes and classes that are named, each


def lines(facts: Mapping[str, Any]) -> list[str]:
    """What there is, a line a fact."""
    files, broken = facts["files"], facts["broken"]
    rows = [("images", _counted(facts))]
    if facts["splits"]:
        rows.append(("splits", ", ".join(f"{split} {n:,}" for split, n in facts["splits"].items())))
    rows += [(f"classes{f' of {split}' if len(facts['classes']) > 1 else ''}", _classes(counts))
             for split, counts in facts["classes"].items()]  # fmt: skip
    rows += [("sizes", _sizes(facts["sizes"])), ("shapes", _shapes(facts["sizes"]["aspect"], files - len(broken)))]
    rows.append(("kinds", ", ".join(f"{kind} {n:,}" for kind, n in facts["kinds"].items())))
    if n := facts["several"].get("animated"):
        rows.append(("animated", f"{n:,}, of which the first frame is taken"))
    if n := facts["transparent"]:
        rows.append(("seen through", f"{n:,} {'picture has' if n == 1 else 'pictures have'} transparent parts"))
    if 0 < facts["colourless"] < files - len(broken):
        rows.append(("colourless", f"{facts['colourless']:,} without colours, whatever their kind"))
    rows.append(("same file", _groups(facts["same_files"])))
    rows.append(("look alike", _groups(facts["near_duplicates"])))
    if broken:
        rows.append(("broken", "; ".join(f"{each['name']}: {each['why']}" for each in broken[:NAMED]) + _more(broken)))
    if facts["left_out"]:
        rows.append(("left out", "; ".join(facts["left_out"])))
    return [f"{name:18}{words}" for name, words in rows]


def warnings(facts: Mapping[str, Any]) -> list[str]:
    """What should be put right before anything is measured or trained."""
    said = [
        f"{n:,} {'image' if n == 1 else 'images'} of {split} {'is' if n == 1 else 'are'} among the training images, "
        f"too, as the same file or nearly the same picture: what is measured on {split} is too good"
        for split, n in facts["shared"].items()
    ]
    if len(facts["broken"]) > max(3, facts["files"] / 10):
        said.append("more than a tenth of the files cannot be read, so training refuses them: mend or move them first")
    empty = [name for counts in facts["classes"].values() for name, n in counts.items() if not n]
    if empty:
        said.append(f"no image of the class {', '.join(empty[:NAMED])}{_more(empty)} can be read")
    return said


def _counted(facts: Mapping[str, Any]) -> str:
    words = f"{facts['images']:,}"
    readable = facts["files"] - len(facts["broken"])
    if facts["several"].get("pages"):
        words += f" in {readable:,} files: each page of a TIFF is one"
    return words + (f"; {len(facts['broken']):,} of {facts['files']:,} files cannot be read" if facts["broken"] else "")


def _classes(counts: Mapping[str, int]) -> str:
    order = sorted(counts.items(), key=lambda pair: -pair[1])
    named = ", ".join(f"{name} {n:,}" for name, n in order[:NAMED])
    if len(order) <= NAMED:
        return f"{len(order)}: {named}"
    return f"{len(order)}: {named}, ..., {order[-1][0]} {order[-1][1]:,}"


def _sizes(sizes: Mapping[str, Any]) -> str:
    common = sizes["most_common"]
    if sizes["different"] == 1:
        return f"all {next(iter(common))}"
    size, n = next(iter(common.items()))
    small, large = sizes["smallest"], sizes["largest"]
    most = f"{size} most often ({n:,})" if n > 1 else "all different"
    return (
        f"{sizes['different']:,} sizes, {most}; smallest {small['width']} x {small['height']} ({small['name']}), "
        f"largest {large['width']} x {large['height']} ({large['name']}); "
        f"the shorter side has {sizes['shorter_side']['median']:g} pixels (median)"
    )


def _shapes(aspect: Mapping[str, int], n: int) -> str:
    return ", ".join(f"{count / n:.0%} {shape}" for shape, count in aspect.items() if count)


def _groups(groups: Sequence[Sequence[str]]) -> str:
    if not groups:
        return "none"
    files = sum(map(len, groups))
    named = "; ".join(" = ".join(group[:3]) + (" = ..." if len(group) > 3 else "") for group in groups[:NAMED])
    return f"{files:,} files in {len(groups):,} {'group' if len(groups) == 1 else 'groups'}: {named}{_more(groups)}"


def _more(items: Sequence[object]) -> str:
    return f"; and {len(items) - NAMED:,} more (--json has all)" if len(items) > NAMED else ""
