"""The results of `energan bench`, as a table."""

from collections.abc import Mapping
from typing import Any

from energan.utils.others import crowded


def as_table(results: Mapping[str, Any]) -> str:
    """The results as text for a terminal."""
    lines = [*_head(results), "", _row("turn", "ms", "floor", "reached", "if fused", "reached", "Gop", "MB")]
    for name, t in {**results["turns"], "step": results["step"]}.items():
        label = f"{name} x {t['times']}" if t.get("times", 1) > 1 else name
        floors = _ms(t["floor"]), f"{t['share']:.0%}", _ms(t["fused_floor"]), f"{t['fused_share']:.0%}"
        lines.append(_row(label, _ms(t["seconds"]), *floors, *_work(t)))
    lines += ["", _row("where the time goes", "ms", "floor", "gap", "of step", "", "Gop", "MB")]
    for g in results["groups"]:
        share = f"{g['seconds'] / results['step']['seconds']:.0%}"
        lines.append(_row(g["group"], _ms(g["seconds"]), _ms(g["floor"]), _ms(g["gap"]), share, "", *_work(g)))
    if results["tried"]:
        lines += ["", f"{'tried':28}{'images/s':>11}  quartiles     foretold"]
    for t in results["tried"]:
        if not t["ratio"]:
            lines.append(f"{t['flags']:28}could not be tried: {t['why']}")
            continue
        low, middle, high = t["ratio"]
        guess = "{:.2f} to {:.2f}".format(*t["predicted"]) if t["predicted"] else "-"
        lines.append(f"{t['flags']:28}{f'x {middle:.2f}':>11}  {low:.2f} to {high:.2f}  {guess}")
    return "\n".join([*lines, "", *results["advice"]]).rstrip()


def _head(results: Mapping[str, Any]) -> list[str]:
    """The first lines: the run, the machine, and the speed."""
    run, machine, step = results["run"], results["machine"], results["step"]
    rates = [f"{name} {rate / 1e9:.0f} Gop/s" for name, rate in results["ceilings"]["operations_per_second"].items()]
    memory = [
        f"{m['rate'] / 1e9:.0f} GB/s ({m['moved'] / 2**20:g} MiB)" for m in results["ceilings"]["bytes_per_second"]
    ]
    low, high = step["quartiles"]
    busy = crowded(machine["others"], run["threads"], machine["cores"])
    return [
        *([_warning(machine)] if busy else []),
        f"{run['system']}: batch {run['batch']}, {run['precision']}{', compiled' if run['compiled'] else ''}, "
        f"{run['data']}",
        f"{machine['gpu'] or machine['cpu']}, {run['threads']} threads: products {', '.join(rates)}",
        f"memory: {', '.join(memory)}",
        f"step {run['step']} ({', '.join(run['order'])}): {_ms(step['seconds'])} ms ({_ms(low)} to {_ms(high)}), "
        f"{step['images_per_second']:.0f} images/s, {step['peak_memory'] / 2**20:.0f} MiB at most",
    ]


def _warning(machine: Mapping[str, Any]) -> str:
    return (
        f"warning: other programs used {machine['others']:.1f} of {machine['cores']} cores meanwhile: end them, and "
        "measure again; what is below is this machine's speed beside them, and ratios of numbers of threads are none"
    )


def _work(counted: Mapping[str, Any]) -> tuple[str, str]:
    return _figure(counted["flops"] / 1e9), _figure(counted["moved"] / 1e6)


def _row(name: str, *cells: str) -> str:
    return (f"{name:28}" + "".join(f"{cell:>11}" for cell in cells)).rstrip()


def _ms(seconds: float) -> str:
    return _figure(seconds * 1e3)


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
