"""The study of vanishing gradients."""
