"""What people do with a trained run, whichever face they reach it by: ask it, guide it, combine and move its noise.

class_names.py  classes by name or by number
asked.py        attributes that are asked for; said.py: sentences; held.py: what all images are asked for
guidance.py     which classifier guides chains; guided_run.py: a run that draws by chains, and that classifier
filling.py      missing parts of images, filled in by chains
traversed.py    one code at a time, or one direction of the noise
combined.py     sums of samples' noise, and turn vectors; tiles.py: the signs between them
walks.py        walks through noise, between conditions, and by a chain
"""
