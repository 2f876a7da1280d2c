"""The studio: pages in a browser to train, watch and use what was trained.

server.py     the program: one server on this machine's own address, with a token
guard.py      who may ask: the token, this address, no page of elsewhere
runs.py       the runs of a folder, as they are on disk
trainings.py  trainings as processes of their own, which outlive the server; those that wait for their turn
models.py     trained models that are open, each used by one thread at a time
studio.py     all of these together: what a page is given
pages/        one file a page

It knows no system: what a run can do is its capabilities', what a training can be told is its recipe's flags.
"""
