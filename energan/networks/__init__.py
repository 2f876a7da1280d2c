"""Architectures, without losses. A generator maps z to images; a discriminator maps images to its reading."""
