"""Games that make pictures of pictures."""
