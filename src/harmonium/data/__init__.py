"""Named data sets and files as rows for training, validation and the test."""

from harmonium.data.binarize import binarize
from harmonium.data.datasets import PARTS, SOURCES, Dataset, load, load_columns, needs_schema

__all__ = ["PARTS", "SOURCES", "Dataset", "binarize", "load", "load_columns", "needs_schema"]
