"""One self-contained HTML page per run: what was trained, how it went, what it draws, how to do it again.

write_report(run) -> run / "report.html"      opens from disk, asks the network for nothing

page.py       what every run has: summary, curves, metrics, configuration
glossary.py   what settings and states mean
templates/    the page, its style and its script

The sections on what a system can do are those of its capabilities (capabilities/*/section.py); charts, pictures and
uPlot are in html/. The report knows no game and no capability by name.
"""

from energan.report.page import write_report

__all__ = ["write_report"]
