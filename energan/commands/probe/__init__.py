"""Commands that ask what a trained run has learned: arithmetic, traverse, project, neighbours, forget, probe."""
