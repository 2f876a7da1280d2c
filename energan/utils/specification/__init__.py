"""Which calls made an object, written as JSON, and the object made again from that.

    @recorded        on a class or function: each object that it makes remembers the call, defaults included
    @named           on a class or function that may stand in a description itself: a NamedTuple, a loader of images
    describe(value)  of None, numbers, text, tuples, lists, dicts, named NamedTuples and dataclasses, named functions
                     and partials of them, and recorded objects with all that they were made of
    build(json)      makes the value again; an object that stood in two places is one object again

A description from a stranger runs no code of its own: `build` calls only what carries a decorator in this package, or
what lies in a module that the caller trusts. Weights are not in it. It knows nothing of networks, games or runs.

    {"calls": [{"call": "energan.networks.conv.dcgan:Generator", "arguments": {"z": 100, ...}, "within": 0}, ...],
     "value": {"object": 3}}    in the order of the calls; arguments name earlier ones; within: a context, as a seed's
"""

from energan.utils.specification.build import build, foreign_modules, trusting
from energan.utils.specification.hints import fits
from energan.utils.specification.record import call_of, describe, inside, named, recorded, remember

__all__ = [
    "build", "call_of", "describe", "fits", "foreign_modules", "inside", "named", "recorded", "remember", "trusting",
]  # fmt: skip
