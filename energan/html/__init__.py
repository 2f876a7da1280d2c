"""Building blocks of HTML pages: charts, pictures, numbers for people. They know no game and no capability.

charts.py      curves of logged quantities             panels.py       which quantities share a chart
pictures.py    images as data: URIs, within a budget   formatting.py   numbers, durations, sizes as people read them
vendor/        uPlot 1.6.32, which draws the charts, as its npm package ships it: never edited, replaced as a whole
"""
