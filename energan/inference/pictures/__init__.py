"""Pictures of anyone, as models read them, and what a trained system makes of pictures of any size."""
