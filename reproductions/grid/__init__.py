"""The grid search of EBGAN's paper (arXiv:1609.03126, section 4.1): 512 EBGANs and 6,144 GANs.

    python -m reproductions.grid --sample 150 --steps 1000 --jobs 2 --out runs/grid

__main__.py   the command
table1.py     the paper's table 1: which models there are, and in which order they are drawn
trial.py      one of them, as a recipe
claim.py      whether EBGANs are the better ones: medians, shares, ranks
figures.py    the paper's figures 2 and 3
entries.py    some of them at length, as a part of reproductions.campaign
"""
