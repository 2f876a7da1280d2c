"""Systems that read noise from images: interpretable codes, auto-encoders with a prior."""
