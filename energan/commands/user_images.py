"""Images that a user names, to be scored, classified or reconstructed by a run."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energan.data import ImageSet


def load_images(source: str, split: str, record: dict[str, Any]) -> "ImageSet":
    """The images in the size and channels of a run's. They need no labels, even if the run learned from labels."""
    from energan.data import held_out_split, load

    channels, size, _ = record["data"]["shape"]
    return load(source, split or held_out_split(source), size=size, channels=channels)


def skipped_note(data: "ImageSet") -> str:
    """The end of a sentence that says how many files were left out, or ""."""
    return f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
