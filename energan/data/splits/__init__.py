"""Which images of a source are to train on and which are held out: one rule for the names of folders, files and arrays.

words.py   what names say: "Training", "x-val-0.parquet", "y_test"
trees.py   folders, by the paths of the images in them
arrays.py  arrays of an .npz, by their names and shapes
annotations.py   folders of masks, which are left out
"""

from energan.data.splits.words import ALL, SPLITS, TEST, TRAIN, VALIDATION, canonical, held_out

__all__ = ["ALL", "SPLITS", "TEST", "TRAIN", "VALIDATION", "canonical", "held_out"]
