"""The command `classify`, and its curve of errors against labels."""
