"""Sweeps on a cluster of Ray's: `energan sweep RECIPE --on ray`.

executor.py  in the process of the command: starts the next, gives it trials, writes what trials leave
process.py   a process beside it, the only one that knows Ray: joins a cluster, or starts one
session.py   what it does there: sends trials as tasks, and tells whose fault a death is
node.py      what a task does, on whatever node
luggage.py   what travels: a user's own recipe there, sheets and run folders back

The command does not import Ray itself. Ray ends a process that has lost its cluster, writes to the terminal as it
likes, and handles signals: all this stays in the process beside it.
"""
