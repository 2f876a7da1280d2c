"""The study of theorems."""
