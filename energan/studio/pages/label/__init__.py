"""Labels, given to the images that a classifier is least sure of, and the classifier trained again with them.

page.py      the page
labelling.py one image at a time, with a key a class
retrain.py   the training, and the error of each round
table.py     labels.csv: each label is on disk before the next image is shown
asked.py     which images are asked for, and in which order
rounds.py    the runs that were trained with a table's labels
"""

from energan.studio.pages.label.page import label

__all__ = ["label"]
