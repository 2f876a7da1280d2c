"""Sentences that lie beside images: tables of them, a text beside each image, COCO's and CUB's own layouts."""

from energan.data.formats.captions.beside import with_captions
from energan.data.formats.captions.cub import cub_files, cub_splits, is_cub

__all__ = ["cub_files", "cub_splits", "is_cub", "with_captions"]
