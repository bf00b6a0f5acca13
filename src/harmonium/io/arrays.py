"""Tables from files: .npy, .npz (dense or SciPy's sparse), .csv, .parquet, IDX and other programs'; into .csv and .parquet."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Num, Shaped

from harmonium import _checks
from harmonium.errors import InputError
from harmonium.io import csv_files, foreign_formats, parquet
from harmonium.io.dialect import Dialect
from harmonium.io.foreign_formats import ARFF, EXCEL, HDF5, HDF5_MAGIC, MATLAB, SVMLIGHT
from harmonium.io.frames import CsvForm, Frame, as_numbers, from_native, plain_cells, value_text
from harmonium.io.parquet import FILL
from harmonium.io.streams import Sparse, Streamed, is_sparse
from harmonium.io.untrusted import check_file, check_growth, check_path, read_file, translate_errors

if TYPE_CHECKING:
    import pyarrow as pa

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Element types of the IDX format by the third byte of its magic number (Y. LeCun's MNIST page)."""
SPARSE_MEMBERS = {"format.npy", "shape.npy", "data.npy"}
"""What every sparse matrix has in its archive, whatever its format."""
LEAST_WHITE = 128
"""Bytes are gray levels where one is at least this; smaller ones may be codes, ranks or counts."""
FILES = ".npy, .npz, .csv, .parquet, .xlsx, IDX, .arff, .svmlight, .h5 or .mat (each may be gzipped)"
KINDS = f"{FILES}; or a folder of Parquet files or images"
BEGINNINGS = {
    b"\x1f\x8b": "gzipped: add .gz to its name",
    b"PK\x03\x04": "a zip archive, or one of Excel's files: unpack it, or name it .xlsx",
    b"BZh": "compressed by bzip2: unpack it",
    b"\xfd7zXZ\0": "compressed by xz: unpack it",
    b"PAR1": "a Parquet file: name it .parquet",
    HDF5_MAGIC: "an HDF5 file: name it .h5",
    b"\xd0\xcf\x11\xe0": "an old file of Excel: save its table as CSV",
}
"""What the first bytes of a file say that it is, and the remedy where its name says otherwise."""
LARGE_BYTES = 1 << 30
"""An .npy or Parquet file of this size or more is not read into memory where its rows can be read as they are needed."""


@dataclass(frozen=True)
class Table:
    """Rows of numbers, the names of the columns where known, the shape of a row as the file has it, and how it was read.

    Attributes:
        values: `[n, V]`.
        columns: names, or None.
        row_shape: the shape of a row in the file.
        form: how it was read, in words.
    """

    values: Num[np.ndarray, "rows columns"]
    columns: list[str] | None = None
    row_shape: tuple[int, ...] = ()
    form: str = ""

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of the rows if they are images: the file holds an array of three dimensions."""
        return (self.row_shape[0], self.row_shape[1]) if len(self.row_shape) == 2 else None

    @property
    def has_codes(self) -> bool:
        """Whether the rows are lists of small whole numbers that are not all zeros and ones: codes of categories, or ranks."""
        values = self.values
        return len(self.row_shape) == 1 and values.dtype.kind in "iu" and 1 < np.abs(values).max() < LEAST_WHITE

    def rows(self, indices: np.ndarray) -> Table:
        """The rows of these indices."""
        return replace(self, values=self.values[indices])

    @property
    def description(self) -> str:
        """What was read, such as `2 images of 2 x 2`."""
        rows, columns = self.values.shape
        sizes = " x ".join(map(str, self.row_shape))
        form = self.form and f", {self.form}"
        if len(self.row_shape) == 2:
            return f"{rows:,} images of {sizes}{form}"
        if len(self.row_shape) > 2:
            return f"{rows:,} rows of {sizes} values, each flattened to {columns:,} columns{form}"
        return f"{rows:,} rows of {columns:,} columns{form}"


def read_table(
    location: str,
    missing: bool = False,
    max_bytes: int | None = None,
    gray_levels: bool | None = None,
    dialect: Dialect | None = None,
    ignore: Collection[str] = (),
) -> Table:
    """The table in a file, or the images in a folder.

    What is in the file is named after a colon: an array of .npz, .h5 or .mat (`file.npz:train`), a sheet of .xlsx, the size of
    a folder's images (`photos:28x28`). Gray levels, which are bytes of which one is 128 at least, are read as 0 to 1; all other
    values are left as they are. Sparse matrices are read into memory, and the labels of svmlight files are left out.

    Args:
        location: a file, or a folder of images.
        missing: let NaN stand for missing cells; in text also an empty cell, NA and the like, in Parquet a null.
        max_bytes: what a compressed file may grow to; by default 100 times its size, or 1 GiB if that is more.
        gray_levels: whether bytes are; by default the largest decides.
        dialect: how a CSV file is written, as far as that is said.
        ignore: columns to leave out, by their names.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it is empty or damaged, or holds no table of numbers; a value is infinite, or missing where none may be.
    """
    path, key = _split_key(location)
    _checks.boolean(missing, "missing")
    name = path.name.lower().removesuffix(".gz")
    with translate_errors(f"{path} cannot be read as {Path(name).suffix or 'data'}"):
        if not path.is_dir() and is_table_file(name):
            table = _from_columns(_read_columns(path, key, max_bytes, dialect), path, missing, gray_levels, ignore)
        elif ignore:
            raise InputError(f"{path} has no names of columns, so none can be left out by its name")
        else:
            content = b"" if path.is_dir() else read_file(path, "file", max_bytes)
            table = _from_array(_read_array(content, name, key, path, max_bytes), path, gray_levels)
    unusable = np.argwhere(np.isinf(table.values) if missing else ~np.isfinite(table.values))
    if len(unusable):
        row, column = unusable[0]
        value = table.values[row, column]
        hint = "" if np.isinf(value) else f"; {FILL}"
        raise InputError(f"{path} has {value} in row {row + 1}, column {column + 1}; every value must be a finite number{hint}")
    return table


def _read_array(content: bytes, name: str, key: str | None, path: Path, max_bytes: int | None) -> np.ndarray | Sparse:
    """The array in a file of this name (without .gz), or of a folder's images."""
    if path.is_dir():
        return foreign_formats.read_images(path, key)
    if name.endswith(".npy"):
        return _npy(content, path)
    if name.endswith(".npz"):
        return _npz_member(content, key, path, max_bytes)
    if name.endswith(SVMLIGHT):
        return foreign_formats.read_svmlight(content, path, max_bytes)
    if name.endswith(HDF5):
        return foreign_formats.read_hdf5(content, key, path, max_bytes)
    if name.endswith(MATLAB):
        return foreign_formats.read_matlab(content, key, path, max_bytes)
    if content[:2] == b"\0\0" and len(content) > 4 and content[2] in IDX_TYPES:
        return _idx(content, path)
    _check_beginning(content, path)
    raise InputError(f"{path}: unknown kind of file; use {KINDS}; rows of text need the name .csv")


def _check_beginning(content: bytes, path: Path) -> None:
    """Refuse a file of a known kind under another's name, with what would be right."""
    for begin, words in BEGINNINGS.items():
        if content.startswith(begin):
            raise InputError(f"{path} is {words}")


def is_table_file(location: str) -> bool:
    """Whether the file is of a kind that has columns with names: CSV, Parquet, ARFF or Excel, gzipped or not.

    Args:
        location: the file.

    Raises:
        InputError: `location` is no name of a file.
    """
    name = _split_key(location)[0].name.lower().removesuffix(".gz")
    return name.endswith((*csv_files.SUFFIXES, *ARFF, *EXCEL, parquet.SUFFIX))


def read_frame(location: str, max_bytes: int | None = None, dialect: Dialect | None = None, texts: bool = False) -> Frame:
    """The columns of a table, with texts and missing cells as they are; `max_bytes` and `dialect` as in `read_table`.

    Those of a file without names, such as .npy, are called c1, c2, ... Their values are left as they are, bytes too.

    Args:
        location: the file.
        max_bytes, dialect: as in `read_table`.
        texts: whether to keep the cells of a CSV file as they are in it, too.

    Raises:
        OSError: there is no such file, or it cannot be read.
        InputError: it is empty or damaged, or its names are not unique.
    """
    path, key = _split_key(location)
    if not is_table_file(location):
        values = read_table(location, True, max_bytes, gray_levels=False).values.astype(np.float64)
        return Frame({f"c{place + 1}": column for place, column in enumerate(values.T)})
    return _to_frame(_read_columns(path, key, max_bytes, dialect, texts), path)


def read_bits_or_frame(location: str, max_bytes: int | None = None, dialect: Dialect | None = None) -> Table | Frame:
    """The zeros and ones in a CSV or Parquet file that holds nothing else; the columns of any other; raises as `read_frame`."""
    path, key = _split_key(location)
    columns = _read_columns(path, key, max_bytes, dialect)
    if isinstance(columns, Frame):
        data = [cells for name, cells in columns.columns.items() if name not in columns.index]
        if any(cells.dtype.kind == "O" for cells in data):
            return columns
    with suppress(InputError):  # missing cells, or a fault that using the columns will show
        table = _from_columns(columns, path, missing=False)
        if ((table.values == 0) | (table.values == 1)).all():
            return table
    return _to_frame(columns, path)


def _to_frame(columns: Frame | pa.Table, path: Path) -> Frame:
    frame = from_native(columns, str(path))
    return frame if isinstance(columns, Frame) else replace(frame, index=tuple(parquet.find_index(columns.schema)))


def table_content(columns: Mapping[str, np.ndarray], suffix: str, delimiter: str = ",") -> bytes:
    """Columns as the content of a .csv file with a line of names, missing cells empty, or of a .parquet file.

    Args:
        columns: the cells of each column by its name.
        suffix: `.csv` or `.parquet`.
        delimiter: what stands between cells of a .csv file.

    Raises:
        InputError: the columns differ in length or the suffix is another.
    """
    _checks.instance(columns, Mapping, "columns", "a mapping of names to arrays")
    _checks.choice(suffix, (".csv", parquet.SUFFIX), "suffix")
    if len({np.shape(column) for column in columns.values()}) > 1:
        raise InputError("the columns of a table must be of one length")
    cells = {name: plain_cells(column) for name, column in columns.items()}
    if suffix == parquet.SUFFIX:
        import pyarrow
        from pyarrow import parquet as writer

        buffer = io.BytesIO()
        with translate_errors("the columns cannot be written as Parquet; leave out those of dates and lists"):
            writer.write_table(pyarrow.table(cells), buffer)
        return buffer.getvalue()
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter=delimiter, lineterminator="\n")
    writer.writerow(cells)
    for row in zip(*cells.values(), strict=True):
        writer.writerow(["" if cell is None else value_text(cell) for cell in row])
    return lines.getvalue().encode()


def open_streamed(location: str, max_bytes: int | None = None) -> Streamed | None:
    """The rows of files that need not be dense in memory, which are used as they are.

    That is a large .npy file, a large Parquet file, a folder with Parquet files of any size (by their names, each with the same
    columns), or an .npz file of `scipy.sparse.save_npz`, whose entries alone are in memory. None for anything else. `max_bytes`
    as in `read_table`.

    Raises:
        OSError: the file cannot be read.
        InputError: it is such a file, but damaged or of another shape, or a column of Parquet holds no numbers.
    """
    path, key = _split_key(location)
    suffix = path.suffix.lower()
    source: np.ndarray | Sparse | parquet.ParquetRows | None = None
    with translate_errors(f"{path} cannot be read as {suffix}"):
        if path.is_dir():
            named = (file for file in path.iterdir() if file.suffix.lower() == parquet.SUFFIX and file.name[0] not in "._")
            files = sorted(file for file in named if file.is_file())
            source = parquet.ParquetRows(files) if files else None
        elif suffix in (".npy", parquet.SUFFIX) and path.is_file() and check_file(path, "file") >= LARGE_BYTES:
            is_npy = suffix == ".npy"
            source = np.load(path, mmap_mode="r", allow_pickle=False) if is_npy else parquet.ParquetRows([path])
        elif suffix == ".npz" and key is None and path.is_file() and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                is_matrix = set(archive.namelist()) >= SPARSE_MEMBERS
            source = _sparse(read_file(path, "file"), path, max_bytes) if is_matrix else None
        elif suffix in SVMLIGHT and path.is_file():
            source = foreign_formats.read_svmlight(read_file(path, "file"), path, max_bytes)
    try:
        return None if source is None else Streamed(source)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _split_key(location: str) -> tuple[Path, str | None]:
    name = str(check_path(location, "location"))
    match = re.fullmatch(r"(.*\.(?:npz|h5|hdf5|mat|xlsx|xlsm)(?:\.gz)?):([^:]+)", name, re.IGNORECASE)
    if match is None and (match := re.fullmatch(r"(.*):(\d+x\d+)", name)) and not Path(match[1]).is_dir():
        match = None
    return (Path(match[1]), match[2]) if match else (Path(name), None)


def _npy(content: bytes, path: Path) -> np.ndarray:
    if not content.startswith(b"\x93NUMPY"):
        raise InputError(f"{path} is damaged or no .npy file: it does not begin as one")
    return np.load(io.BytesIO(content), allow_pickle=False)


def _npz_member(content: bytes, key: str | None, path: Path, max_bytes: int | None) -> np.ndarray | Sparse:
    if not content.startswith(b"PK"):
        raise InputError(f"{path} is damaged or no .npz archive: it does not begin as one")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        sizes = {member.filename: member.file_size for member in archive.zip.infolist()}
        if key is None and set(sizes) >= SPARSE_MEMBERS:
            return _sparse(content, path, max_bytes)
        if not archive.files:
            raise InputError(f"{path} holds no arrays")
        if key is None and len(archive.files) == 1:
            key = archive.files[0]
        if key is None or key not in archive.files:
            asked = f"has no array {key!r}" if key else "holds several arrays"
            raise InputError(f"{path} {asked}; name one of them: {', '.join(f'{path.name}:{name}' for name in archive.files)}")
        # An archive gives no more of a member than it says that there is.
        check_growth(path, len(content), sizes.get(f"{key}.npy", sizes.get(key, 0)), max_bytes)
        return np.asarray(archive[key])


def _sparse(content: bytes, path: Path, max_bytes: int | None) -> Sparse:
    """The matrix in an archive of `scipy.sparse.save_npz`, as a CSR matrix of a type that SciPy computes with."""
    from scipy import sparse

    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        check_growth(path, len(content), sum(member.file_size for member in archive.zip.infolist()), max_bytes)
        shape = archive["shape"]
        for name in {"indptr", "indices", "row", "col", "offsets"} & set(archive.files):
            if archive[name].dtype.kind not in "iu":
                raise InputError(f"{path} cannot be read as .npz: {name!r} of its matrix holds no whole numbers")
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 0:
        raise InputError(f"{path} cannot be read as .npz: it holds no matrix")
    check_growth(path, len(content), 8 * int(shape[0]), max_bytes)  # where the rows of a CSR matrix begin
    matrix = sparse.load_npz(io.BytesIO(content))
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # or an entry outside the columns would be written outside the array
    matrix = matrix.tocsr()
    matrix.check_format(full_check=True)
    dtype = matrix.dtype.newbyteorder("=")
    return matrix.astype(np.float32 if dtype == np.float16 else dtype)


def _from_array(array: np.ndarray | Sparse, path: Path, gray_levels: bool | None) -> Table:
    if is_sparse(array):
        form = "labels left out" if path.name.lower().removesuffix(".gz").endswith(SVMLIGHT) else ""
        return Table(Streamed(array).take(np.arange(array.shape[0])), form=form)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {array.dtype.name} values, but real numbers were expected")
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"{path} has shape {list(array.shape)}, but rows and columns [n, V] were expected, none empty")
    values, form = _scale_bytes(array, (path.is_dir() or None) if gray_levels is None else gray_levels)
    return Table(values.reshape(len(array), -1), row_shape=array.shape[1:], form=form)


def _scale_bytes(array: Shaped[np.ndarray, ...], gray_levels: bool | None) -> tuple[Shaped[np.ndarray, ...], str]:
    """Gray levels as numbers from 0 to 1, other values as they are, and in words what was done."""
    if array.dtype != np.uint8 or gray_levels is False or array.max() <= 1:
        return array, ""
    if gray_levels or array.max() >= LEAST_WHITE:
        return array / 255.0, "gray levels divided by 255"
    return array, f"bytes up to {array.max()} as they are"


def _read_columns(
    path: Path, key: str | None, max_bytes: int | None, dialect: Dialect | None, texts: bool = False
) -> Frame | pa.Table:
    """The columns of a CSV, Parquet or ARFF file, or of the sheet of an Excel file called `key`."""
    name = path.name.lower()
    if name.endswith(csv_files.SUFFIXES) and check_file(path, "file") >= csv_files.LARGE_BYTES:
        with translate_errors(f"{path} cannot be read as a table"):
            return csv_files.read_csv(path, path, dialect, texts)
    content = read_file(path, "file", max_bytes)
    if name.removesuffix(".gz").endswith(ARFF):
        return foreign_formats.read_arff(content, path)
    if name.removesuffix(".gz").endswith(parquet.SUFFIX):
        return parquet.read_parquet(content, path, max_bytes)
    if name.removesuffix(".gz").endswith(EXCEL):
        sheet = foreign_formats.excel_to_csv(content, key, path, max_bytes)
        written = replace(dialect or Dialect(), encoding="utf-8", delimiter=",", decimal=".")
        frame = csv_files.read_csv(sheet, path, written, texts)
        return replace(frame, csv=frame.csv and frame.csv._replace(delimiter=""))
    _check_beginning(content, path)
    with translate_errors(f"{path} cannot be read as a table"):
        return csv_files.read_csv(content, path, dialect, texts)


def _from_columns(
    table: Frame | pa.Table, path: Path, missing: bool, gray_levels: bool | None = None, ignore: Collection[str] = ()
) -> Table:
    """Columns that hold numbers alone as a table, without an index and those to ignore."""
    names = list(table.columns if isinstance(table, Frame) else table.column_names)
    if unknown := set(ignore) - set(names):
        raise InputError(f"{path} has no column {min(unknown)!r}, but {', '.join(map(repr, names[:20]))}")
    index = table.index if isinstance(table, Frame) else parquet.find_index(table.schema)
    left_out = {*ignore, *index}
    if isinstance(table, Frame):
        table = replace(table, columns={name: cells for name, cells in table.columns.items() if name not in left_out})
    else:
        table = table.select([name for name in names if name not in left_out])
    if isinstance(table, Frame) and table.csv is None:  # of ARFF
        values = np.stack([as_numbers(table[name], name) for name in table.columns], axis=1)
        return Table(values, list(table.columns))
    if isinstance(table, Frame):
        form = cast(CsvForm, table.csv)
        try:
            values = np.stack([as_numbers(cells, name, form.lines) for name, cells in table.columns.items()], axis=1)
        except InputError as error:
            raise InputError(f"{path}, read as {form}: {error}") from error
        return Table(values, list(table.columns) if form.has_names else None, form=str(form))
    parquet.check_numbers(table.schema, path)
    if not table.num_rows:
        raise InputError(f"{path} has no rows")
    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count and not missing:
            raise InputError(f"{path}: column {name!r} has {column.null_count} missing values; {FILL}")
        arrays.append(column.cast("float64").to_numpy() if column.null_count else column.to_numpy())
    values = np.stack(arrays, axis=1)
    values, words = _scale_bytes(values, gray_levels)
    notes = [f"without {name!r}, the index" for name in index]
    return Table(values, list(table.column_names), form=", ".join(filter(None, [words, *notes])))


def _idx(content: bytes, path: Path) -> np.ndarray:
    dtype, dimensions = np.dtype(IDX_TYPES[content[2]]), content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise InputError(f"{path} is damaged: its IDX header is cut short")
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    expected = header + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise InputError(f"{path} is damaged: its IDX header announces {expected} bytes, but it has {len(content)}")
    return np.frombuffer(content, dtype, offset=header).reshape(shape).astype(dtype.newbyteorder("="))
