"""What a sweep found: the best trials, its page."""
