"""draw visible states from a machine

By Gibbs sampling: each draw is the end of a chain of its own, --sweeps sweeps long; with --exact by enumeration, without
a chain. Without --out the draws are printed, a line each; --out writes .npy or a picture (.png). A machine that was trained
on a table draws rows of that table, and --out writes .csv or .parquet.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.cli import runs
from harmonium.cli.inputs import check_table_out, write_table
from harmonium.cli.output import print_json, units_text
from harmonium.cli.small_model import add_seed, held, image_shape
from harmonium.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from harmonium.model import RBM
    from harmonium.tabular import Schema

EXAMPLE = """\
example:
  harmonium sample runs/digits --count 100 --out fantasies.png
  harmonium sample runs/digits --clamp v1..v32=0 --sweeps 500 --out lower_half.npy
  harmonium sample runs/survey --clamp "region=north, age=30" --count 1000 --out rows.csv
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a model file, or the run folder it is in")
    command.add_argument("--count", metavar="N", type=int, default=16, help="number of draws (default: 16)")
    command.add_argument("--sweeps", metavar="N", type=int, default=1000, help="Gibbs sweeps of each chain (default: 1000)")
    command.add_argument(
        "--clamp", metavar="C", help="what to hold: v1=1,v3=0 or v1..v8=0, or a pattern 1??0; or columns by name"
    )
    command.add_argument("--exact", action="store_true", help="draw by enumeration instead (machines with a small layer)")
    add_seed(command)
    add_out(command)


def add_out(command: argparse.ArgumentParser) -> None:
    """`--out FILE` and `--overwrite`."""
    command.add_argument("--out", metavar="FILE", help="write to FILE, .npy or .png")
    command.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def check_out(options: argparse.Namespace) -> None:
    """Fail before the work rather than after it if the file cannot be written."""
    if options.out is None:
        return
    path = Path(options.out)
    if path.suffix not in (".npy", ".png"):
        raise InputError(f"--out {path}: the name must end with .npy or .png")
    if path.exists() and not options.overwrite:
        raise InputError(f"--out {path} exists already; choose another name, or add --overwrite")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}")


def write_out(options: argparse.Namespace, array: Any, figure: Figure) -> str:
    """Write what --out asks for; the file's name."""
    if options.out.endswith(".npy"):
        return str(runs.write_array(options.out, array, options.overwrite))
    return str(runs.write_picture(options.out, figure, options.overwrite))


def run(options: argparse.Namespace) -> None:
    import harmonium as hm
    from harmonium import exact, io, plots, tabular

    rbm, _, description = io.load_described(options.model)
    if description["notes"].get(tabular.SCHEMA) is not None:
        _rows_of_a_table(options, rbm, tabular.schema_of(rbm, description))
        return
    check_out(options)
    if options.exact and options.clamp is not None:
        raise InputError("--exact draws all visible units; leave out --clamp, or use Gibbs sampling")
    if options.exact:
        v = exact.sample(rbm, options.count, options.seed)
        method = "exact"
    else:
        clamp = None if options.clamp is None else held(rbm.visible, options.clamp)
        v = hm.sample(rbm, options.count, options.seed, clamp=clamp, sweeps=options.sweeps)
        method = f"Gibbs, {options.sweeps:,} sweeps"
    result: dict[str, Any] = {"count": len(v), "method": method, "seed": options.seed}
    if options.out is None:
        result["samples"] = v if options.json and None in rbm.visible.unit_symbols else units_text(rbm.visible, v)
    else:
        shape = image_shape(description, rbm)
        result["file"] = write_out(options, v, plots.tiles(v, shape, f"Samples ({method})"))
    if options.json:
        print_json(result)
    elif options.out is None:
        print("\n".join(result["samples"]))
    else:
        print(f"{len(v):,} samples ({method}) in {result['file']}")


def _rows_of_a_table(options: argparse.Namespace, rbm: RBM, schema: Schema) -> None:
    """Draw rows, and write or print them in the table's own columns."""
    from harmonium import tabular
    from harmonium.io.frames import Frame, csv_of, plain_cells

    check_table_out(options)
    given = {}
    for part in filter(None, map(str.strip, (options.clamp or "").split(","))):
        name, separator, value = (text.strip() for text in part.partition("="))
        if not separator:
            raise InputError(f"--clamp {part!r}: write NAME=VALUE, as in region=north")
        given[name] = value
    method = "exact" if options.exact else "gibbs"
    drawn = tabular.sample(
        rbm, schema, options.count, given=given, method=method, sweeps=options.sweeps, seed=options.seed, like=Frame({})
    )
    columns = drawn.columns
    said = "exact" if options.exact else f"Gibbs, {options.sweeps:,} sweeps"
    result: dict[str, Any] = {"count": options.count, "method": said, "seed": options.seed, "given": given}
    if options.out is None:
        result["samples"] = {name: plain_cells(cells) for name, cells in columns.items()}
    else:
        result["file"] = write_table(options, columns)
    if options.json:
        print_json(result)
    elif options.out is None:
        print(csv_of(columns).decode(), end="")
    else:
        print(f"{options.count:,} rows ({said}) in {result['file']}")
