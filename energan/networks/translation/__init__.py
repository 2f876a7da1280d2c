"""Networks from pictures to pictures."""
