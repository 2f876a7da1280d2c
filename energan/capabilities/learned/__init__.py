"""What probes found in a run: a section of every report, whatever the run can do. Probes write it: `runs/probes.py`."""
