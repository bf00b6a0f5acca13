"""What benchmarks share: the line on date, computer and versions, the report, and the data sets."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def header(*packages: str) -> str:
    import jax

    load = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {_version(name)}" for name in ("jax", *packages))
    device = f"{jax.devices()[0].device_kind}, Python {platform.python_version()}"
    return f"{datetime.date.today()}, {processor()}, {cores()} cores, {load}{device}, {versions}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def finish(module: str, title: str, text: str, record: bool, packages: tuple[str, ...] = ("harmonium",)) -> None:
    """Print the entry of a benchmark, and append it to RESULTS.md if it is to be recorded."""
    words = sys.argv[1:]
    without = ["FOLDER" if before in ("--data", "--out") else word for before, word in zip(["", *words], words, strict=False)]
    command = shlex.join(["python", "-m", module, *without])
    entry = f"\n## {datetime.date.today()}: {title}\n\n`{command}`; {header(*packages)}."
    entry = f"{entry}{'' if text.startswith(chr(10)) else ' '}{text}".rstrip() + "\n"
    print(entry)
    if record:
        with (Path(__file__).parent / "RESULTS.md").open("a", encoding="utf-8") as file:
            file.write(entry)


def table(columns: list[str], rows: list[list[str]]) -> str:
    """As Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mnist(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MNIST in H. Larochelle's fixed binarization: 50,000, 10,000 and 10,000 rows, the test rows shuffled once for all."""
    archive = np.load(folder / "mnist_binarized_larochelle.npz")
    train, valid, test = (_unpacked(archive[part], archive["nvars"]) for part in ("train", "valid", "test"))
    return train, valid, test[np.random.default_rng(0).permutation(len(test))]


def binary(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test rows of a set in the archives of FOLDER, of mnist, or of scikit-learn's digits."""
    if name == "mnist":
        return mnist(folder)
    if name == "digits":
        import harmonium as hm

        digits = hm.data.load("digits")
        return tuple(np.asarray(part, np.uint8) for part in (digits.train, digits.valid, digits.test))
    files = [folder / f"{archive}.npz" for archive in ("uci_binary", "debd_small", "debd_wide")]
    archive = next(archive for archive in map(np.load, files) if f"{name}_nvars" in archive)
    return tuple(_unpacked(archive[f"{name}_{part}"], archive[f"{name}_nvars"]) for part in ("train", "valid", "test"))


def _unpacked(bits: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.unpackbits(bits, axis=1)[:, : int(columns)]
