"""Where rows come from: named sources and files, as arrays with what is known of them."""

from harmonium.data.binarise import binarise
from harmonium.data.files import Table, read_table
from harmonium.data.sources import PARTS, SOURCES, Dataset, load
from harmonium.data.streams import Streamed

__all__ = ["PARTS", "SOURCES", "Dataset", "Streamed", "Table", "binarise", "load", "read_table"]
