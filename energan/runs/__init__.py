"""The run folder. Its format is docs/run-folder.md."""
