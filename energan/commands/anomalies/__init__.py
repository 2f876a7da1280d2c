"""What the commands `score` and `detect` share: verdicts, maps, and what is measured where the truth is known."""
