"""Named data sets and files as rows for training, validation and the test."""

from harmonium.data.datasets import PARTS, Dataset, binarize, load, load_columns
from harmonium.data.sources import SOURCES

__all__ = ["PARTS", "SOURCES", "Dataset", "binarize", "load", "load_columns"]
