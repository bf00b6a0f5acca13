"""Writes the inputs that are no text: arrays, Parquet of pandas, a sheet of Excel, MATLAB's files, images."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image
from scipy import io as scipy_io

ROWS = np.array([[0.0, 2.0, 0.0], [1.5, 0.0, 3.0]])
STARS = np.tile(np.array([[1, 5], [3, 2], [5, 1], [4, 4]], np.uint8), (10, 1))
GRAY = np.array([[0, 51], [102, 255]], np.uint8)


def write(folder: Path) -> None:
    table = pd.DataFrame(
        {"height": [160.0, 171.5, 182.0, 168.5] * 3, "sex": ["f", "m", "m", "f"] * 3}, index=[*range(5, 16), 99]
    )
    table.to_parquet(folder / "pandas.parquet")
    sheet = {"size": 1.5 * np.arange(8), "town": ["kiel", "bonn"] * 4, "code": ["007", "010"] * 4}
    pd.DataFrame(sheet).to_excel(folder / "sheet.xlsx", index=False)
    np.savez(folder / "arrays.npz", train=ROWS)
    np.save(folder / "stars.npy", STARS)
    np.save(folder / "gray.npy", GRAY)
    scipy_io.savemat(folder / "table.mat", {"x": ROWS})
    with h5py.File(folder / "arrays.h5", "w") as file:
        file["part/x"] = ROWS
        file["y"] = np.arange(4.0).reshape(2, 2)
    with h5py.File(folder / "new.mat", "w", userblock_size=512) as file:  # as MATLAB 7.3 writes it: column by column
        file["x"] = ROWS.T
    (folder / "new.mat").write_bytes(b"MATLAB 7.3".ljust(512) + (folder / "new.mat").read_bytes()[512:])
    (folder / "images" / "kind").mkdir(parents=True)
    Image.fromarray(GRAY).save(folder / "images" / "kind" / "a.png")
    Image.fromarray(np.stack([GRAY] * 3, axis=-1)).save(folder / "images" / "b.png")
