"""Files of other programs: ARFF, Excel, svmlight, HDF5, MATLAB, and folders of images.

Each format is read by the library that is known for it. Those that few need are imported where they are used.

References: ARFF, I. Witten, E. Frank and M. Hall, "Data Mining", 2011, section 2.4; svmlight, T. Joachims, "Making large-scale
SVM learning practical", 1999, whose format libsvm shares.
"""

from __future__ import annotations

import csv
import datetime
import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

from harmonium import _checks
from harmonium.errors import InputError, printable
from harmonium.io.frames import Frame, check_names
from harmonium.io.streams import Sparse
from harmonium.io.untrusted import check_file, check_growth, translate_errors

ARFF, SVMLIGHT, HDF5, MATLAB = (".arff",), (".svm", ".svmlight", ".libsvm"), (".h5", ".hdf5"), (".mat",)
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".webp"}
"""Suffixes of files, in small letters."""
EXCEL = (".xlsx", ".xlsm")
EXCEL_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
"""What Excel shows where a formula has no value."""
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def read_arff(content: bytes, path: Path) -> Frame:
    """The columns of an ARFF file, with the categories that it names.

    Raises:
        InputError: it is damaged, or has attributes of strings or rows of pairs, which SciPy does not read.
    """
    from scipy.io import arff

    with translate_errors(f"{path} cannot be read as ARFF (save it as CSV instead)"):
        rows, about = arff.loadarff(io.StringIO(content.decode("utf-8-sig")))
    if not len(rows):
        raise InputError(f"{path} has attributes but no rows")
    frame = Frame({})
    for name in check_names(about.names(), str(path)):
        kind, categories = about[name]
        if kind == "nominal":
            texts = [cell.decode() for cell in rows[name]]
            frame.columns[name] = np.array([None if text == "?" else text for text in texts], dtype=object)
            frame.categories[name] = list(categories)
        elif kind == "numeric":
            frame.columns[name] = rows[name].astype(np.float64)
        else:  # dates
            frame.columns[name] = rows[name].astype("M8[us]").astype(object)
    return frame


def excel_to_csv(content: bytes, key: str | None, path: Path, max_bytes: int | None = None) -> bytes:
    """A sheet of an Excel file, its only one with cells or the one called `key`, as the content of a CSV file.

    Cells have the values that Excel computed last; a formula without one is a missing cell.

    Raises:
        InputError: openpyxl is missing, the file is damaged or has no such sheet.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise InputError(f"reading {path} needs openpyxl: pip install 'harmonium[excel]'; or save it as CSV") from error
    with translate_errors(f"{path} cannot be read as an Excel file"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_growth(path, len(content), sum(member.file_size for member in archive.infolist()), max_bytes)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = {sheet.title: [[_excel_text(cell) for cell in row] for row in sheet.values] for sheet in book.worksheets}
    sheets = {title: rows for title, rows in sheets.items() if any(map(any, rows))}
    rows = sheets[_choose(list(sheets), key, path, "sheet")]
    width = max(place + 1 for row in rows for place, text in enumerate(row) if text)
    lines = io.StringIO(newline="")
    for row in rows:
        cells = (row + [""] * width)[:width]
        csv.writer(lines, lineterminator="\n").writerow(cells if any(cells) else [])
    return lines.getvalue().encode()


def _excel_text(cell: object) -> str:
    """A cell's value as a CSV file has it; dates without a time alone."""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return "" if cell is None or cell in EXCEL_ERRORS else str(cell)


def read_svmlight(content: bytes, path: Path, max_bytes: int | None = None) -> Sparse:
    """The features in a file of svmlight or libsvm, a CSR matrix; the labels at the beginning of its lines are left out.

    Raises:
        InputError: it is damaged, has no features, or would grow beyond what `check_growth` allows where it is dense.
    """
    from sklearn.datasets import load_svmlight_file

    with translate_errors(f"{path} cannot be read as svmlight"):
        matrix, _ = load_svmlight_file(io.BytesIO(content))
    check_growth(path, len(content), 8 * matrix.shape[0] * matrix.shape[1], max_bytes)
    return matrix


def read_hdf5(content: bytes, key: str | None, path: Path, max_bytes: int | None = None) -> Shaped[np.ndarray, ...]:
    """The array of an HDF5 file: its only one, or the one called `key`.

    Raises:
        InputError: h5py is missing, the file is damaged or has no such array, or the array lies in other files.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(f"reading {path} needs h5py: pip install 'harmonium[hdf5]'") from error
    with translate_errors(f"{path} cannot be read as HDF5"), h5py.File(io.BytesIO(content)) as file:
        found: dict[str, Any] = {}
        # Links to other files are not followed.
        file.visititems(lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {}))
        array = found[_choose(list(found), key, path)]
        if array.external or array.is_virtual:
            raise InputError(f"{path}: the rows of {array.name} are in other files; name those")
        check_growth(path, len(content), array.nbytes, max_bytes)
        return np.asarray(array)


def read_matlab(content: bytes, key: str | None, path: Path, max_bytes: int | None = None) -> Shaped[np.ndarray, ...]:
    """The array of a MATLAB file, of version 7.3 by way of HDF5: its only one, or the one called `key`.

    Raises:
        InputError: as `read_hdf5`; or the array is none of numbers.
    """
    if HDF5_MAGIC in content[:1024]:
        return read_hdf5(content, key, path, max_bytes).T  # MATLAB writes column by column
    from scipy.io import loadmat, whosmat

    with translate_errors(f"{path} cannot be read as MATLAB's"):
        shapes = {name: shape for name, shape, _ in whosmat(io.BytesIO(content))}
        name = _choose(list(shapes), key, path)
        check_growth(path, len(content), 8 * int(np.prod(shapes[name], dtype=object)), max_bytes)
        array = loadmat(io.BytesIO(content), variable_names=[name])[name]
    return np.asarray(array.toarray() if hasattr(array, "toarray") else array)


def read_images(folder: Path, size: str | None = None) -> UInt8[np.ndarray, "images height width"]:
    """The images in a folder and the folders in it, by their names, as gray levels from 0 to 255.

    Args:
        size: such as `28x28`, the height and width to which each is scaled; by default they must have one size.

    Raises:
        OSError: a file cannot be read.
        InputError: there is no image, one is damaged, or their sizes differ.
    """
    from PIL import Image  # which matplotlib needs too

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES and path.name[0] != ".")
    if not paths:
        raise InputError(f"{folder} is a folder without Parquet files or images; name a file")
    height, width = (None, None) if size is None else (_checks.integer(int(side), "the side") for side in size.split("x"))
    images = []
    for path in paths:
        length = check_file(path, "image")
        with translate_errors(f"{path} cannot be read as an image"), warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the next line is stricter
            with Image.open(path) as image:
                check_growth(path, length, 4 * image.width * image.height, None)
                gray = image.convert("L")
            scaled = gray if width is None or height is None else gray.resize((width, height), Image.Resampling.BOX)
            images.append(np.asarray(scaled))
        if images[-1].shape != images[0].shape:
            (lines, columns), (first, second) = images[-1].shape, images[0].shape
            words = f"{path} has {lines} x {columns} pixels, but {paths[0].name} {first} x {second}"
            raise InputError(f"{words}; name one size for all: {folder}:{first}x{second}")
    return np.stack(images)


def _choose(names: list[str], key: str | None, path: Path, what: str = "array") -> str:
    """The only name, or `key` if it is among them; `what` they are the names of."""
    if not names:
        raise InputError(f"{path} holds no {what}s")
    if key is None and len(names) == 1:
        return names[0]
    if key is None or key not in names:
        asked = f"has no {what} {key!r}" if key else f"holds several {what}s"
        raise InputError(f"{path} {asked}; name one of them: {', '.join(printable(f'{path.name}:{name}') for name in names)}")
    return key
