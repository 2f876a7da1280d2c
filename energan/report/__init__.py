"""One self-contained HTML page per run: what was trained, how it went, what it draws, how to do it again.

write_report(run) -> run / "report.html"      opens from disk, asks the network for nothing

folder.py     reads the run folder, whatever is missing from it
pictures.py   images as data: URIs, within a budget of bytes
charts.py     which logged quantities go into which chart
panels.py     what each of them means
classifier.py a classifier's error, confusions and most uncertain images, rendered with classifier.html
codes.py      of a run that draws by chains: reconstructions, images of each class, paths; rendered with codes.html
words.py      numbers and names as people read them
page.py       the page's pieces, rendered with page.html, page.css and page.js
vendor/       uPlot 1.6.32, which draws the charts, as its npm package ships it: never edited, replaced as a whole
"""

from energan.report.page import write_report

__all__ = ["write_report"]
