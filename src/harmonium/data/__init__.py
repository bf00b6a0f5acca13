"""Named data sets and files as rows for training, validation and the test."""

from harmonium.data.datasets import PARTS, RESAMPLE, Dataset, binarize, load, load_columns
from harmonium.data.sources import SOURCES
from harmonium.gray_levels import Resampled, resampled

__all__ = ["PARTS", "RESAMPLE", "SOURCES", "Dataset", "Resampled", "binarize", "load", "load_columns", "resampled"]
