"""Files: models, states, arrays and tables, each read completely and checked, and written completely or not at all."""

from harmonium.io.arrays import Table, is_table_file, read_frame, read_table, table_content
from harmonium.io.dialect import Dialect
from harmonium.io.frames import Frame, from_native, to_native
from harmonium.io.models import load, load_state, load_with_header, save, save_state
from harmonium.io.streams import Streamed

__all__ = [
    "Dialect",
    "Frame",
    "Streamed",
    "Table",
    "from_native",
    "is_table_file",
    "load",
    "load_state",
    "load_with_header",
    "read_frame",
    "read_table",
    "save",
    "save_state",
    "table_content",
    "to_native",
]
