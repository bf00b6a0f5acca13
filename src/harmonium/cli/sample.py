"""draw visible states from a model

By Gibbs sampling: each draw is the end of a chain of its own, --sweeps sweeps long; with --exact by enumeration, without
a chain. Without --out the draws are printed, a line each; --out writes .npy or a picture (.png). A model that was trained
on a table draws rows of that table, and --out writes .csv or .parquet.

example:
  harmonium sample runs/digits --count 100 --out fantasies.png
  harmonium sample runs/digits --clamp v1..v32=0 --sweeps 500 --out lower_half.npy
  harmonium sample runs/survey --clamp "region=north, age=30" --count 1000 --out rows.csv
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import ModelFile, add, add_count, load_model
from harmonium.cli.output import ARRAYS, TABLES, check_out, print_json, write
from harmonium.errors import InputError, printable


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "--seed", "--overwrite")
    add_count(command, "count", 16, "number of draws")
    add_count(command, "sweeps", 1000, "Gibbs sweeps of each chain")
    command.add_argument("--clamp", metavar="C", help="values to fix: v1=1,v3=0 or v1..v8=0, a pattern 1??0, or NAME=VALUE")
    command.add_argument("--exact", action="store_true", help="draw by enumeration instead (models with a small layer)")
    add(command, "--out", help="file for the draws: .npy or .png; of a table .csv or .parquet")


def run(options: argparse.Namespace) -> None:
    model = load_model(options.model)
    method = "exact" if options.exact else f"Gibbs, {options.sweeps:,} sweeps"
    draw = _draw_table if model.is_of_table else _draw_array
    result, lines = draw(options, model, method)
    if options.json:
        print_json({"count": options.count, "method": method, "seed": options.seed} | result)
    elif options.out is None:
        # Another program gets the values as they are.
        print(*(map(printable, lines) if sys.stdout.isatty() else lines), sep="\n")
    else:
        print(f"{options.count:,} draws ({method}) in {printable(result['file'])}")


def _draw_array(options: argparse.Namespace, model: ModelFile, method: str) -> tuple[dict[str, Any], list[str]]:
    check_out(options, ARRAYS)
    visible = model.rbm.visible
    if options.exact:
        if options.clamp is not None:
            raise InputError("--exact draws all visible units; leave out --clamp, or use Gibbs sampling")
        v = hm.exact.sample(model.rbm, options.count, options.seed)
    else:
        v = hm.sample(model.rbm, options.count, options.seed, clamp=options.clamp, sweeps=options.sweeps)
    if options.out is None:
        if None in visible.unit_symbols:  # units of a continuum
            return {"samples": v}, [" ".join(f"{value:.6g}" for value in state) for state in v.tolist()]
        lines = list(visible.write_all(v))
        return {"samples": lines}, lines
    content = v if options.out.endswith(".npy") else hm.plots.tiles(v, model.image_shape, f"Samples ({method})")
    return {"file": write(options.out, content, options.overwrite)}, []


def _draw_table(options: argparse.Namespace, model: ModelFile, _method: str) -> tuple[dict[str, Any], list[str]]:
    check_out(options, TABLES)
    given = {}
    for part in filter(None, map(str.strip, (options.clamp or "").split(","))):
        name, separator, value = (text.strip() for text in part.partition("="))
        if not separator:
            raise InputError(f"--clamp {part!r}: write NAME=VALUE, as in region=north")
        given[name] = value
    settings = {"method": "exact" if options.exact else "gibbs", "sweeps": options.sweeps, "seed": options.seed}
    drawn = hm.tabular.sample(model.rbm, model.schema, options.count, given=given, like=hm.io.Frame({}), **settings)
    if options.out is not None:
        return {"given": given, "file": write(options.out, drawn.columns, options.overwrite)}, []
    samples = {name: hm.io.frames.plain_cells(cells) for name, cells in drawn.columns.items()}
    return {"given": given, "samples": samples}, hm.io.table_content(drawn.columns, ".csv").decode().splitlines()
