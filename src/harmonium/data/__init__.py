"""Where rows come from: named sources, files and frames, as arrays with what is known of them."""

from harmonium.data.binarise import binarise
from harmonium.data.files import Table, is_table_file, read_frame, read_table
from harmonium.data.frames import Frame, from_native, to_native
from harmonium.data.inference import infer, read_schema_file
from harmonium.data.schema import Column, Schema
from harmonium.data.sources import PARTS, SOURCES, Dataset, load, load_columns, needs_schema
from harmonium.data.streams import Streamed

__all__ = [
    "PARTS",
    "SOURCES",
    "Column",
    "Dataset",
    "Frame",
    "Schema",
    "Streamed",
    "Table",
    "binarise",
    "from_native",
    "infer",
    "is_table_file",
    "load",
    "load_columns",
    "needs_schema",
    "read_frame",
    "read_schema_file",
    "read_table",
    "to_native",
]
