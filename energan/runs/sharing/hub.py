"""Models on the Hugging Face hub."""

from pathlib import Path

from energan.utils.errors import UserError


def hub_copy(name: str) -> Path:
    """The run folder in the cache of owner/name, or owner/name@revision."""
    raise UserError(f"hf:{name} cannot be had yet")
