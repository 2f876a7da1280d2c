"""The toy game: systems that learn points in the plane, live, two beside each other.

system.py    one system on the engine's Trainer, with rates and hyperparameters that can be changed as it plays
points.py    the points that are learned: toy distributions, or what a hand drew
frames.py    what a browser is sent: quantised samples, critic's field and gradients
session.py   a client's game in a thread of its own, and the bound on their number
feed.py      the websocket that sends its frames
words.py     what to watch, for each system
controls.py  what can be changed of one system
page.py      the page
"""

from energan.studio.pages.toy.page import toy

__all__ = ["toy"]
