"""What a trained system can do."""
