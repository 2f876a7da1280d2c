"""Sentences that lie beside images: tables of them, a text beside each image, COCO's and CUB's own layouts."""

from energan.data.formats.captions.beside import captioned
from energan.data.formats.captions.cub import cub_files, cub_splits, is_cub

__all__ = ["captioned", "cub_files", "cub_splits", "is_cub"]
