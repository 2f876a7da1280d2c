"""What probes found in a run: a section that all capabilities share. Probes write it: `runs/probes.py`."""
