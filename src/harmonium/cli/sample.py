"""draw visible states from a model

The draws are independent ones by enumeration where that takes some ten seconds at most, and the states of tempered chains
elsewhere, with a warning where those are not in equilibrium; --method chooses otherwise. Without --out the draws are printed, a
line each; --out writes .npy or a picture (.png). A model that was trained on a table draws rows of that table, and --out
writes .csv or .parquet.

--where draws rows that fulfill conditions: a column, one of = != < <= > >=, and a value, or after = and != several with |
between them; commas and further --where add conditions. --forbid names a combination of conditions that no row has. Only
allowed values are drawn, in the proportions that they have among the model's rows; the fraction of these that fulfill the
conditions is said where it can be enumerated. (Where a condition parts a bin of a binned column, draws in the rest of that bin
are left out, and the output says how many.) The columns of a model that was trained on no table are v1, v2, ...

example:
  harmonium sample runs/digits --count 100 --out fantasies.png
  harmonium sample runs/digits --clamp v1..v32=0 --out lower_half.npy
  harmonium sample runs/survey --clamp "region=north, age=30" --count 1000 --out rows.csv
  harmonium sample runs/survey --where "age >= 18, region = north|south" --forbid "age < 25, answer = e"
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import harmonium as hm
from harmonium.cli.inputs import ModelFile, add, add_count, load_model
from harmonium.cli.output import ARRAYS, TABLES, check_out, print_json, say, write
from harmonium.errors import InputError, printable


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "--seed", "--overwrite")
    add_count(command, "count", 16, "number of draws")
    how = "how to draw (default: exact where that takes seconds, else tempering)"
    command.add_argument("--method", choices=("auto", "exact", "tempering", "gibbs"), default="auto", help=how)
    sweeps = "sweeps of each chain (default: until tempered chains are in equilibrium, within limits; 1000 by Gibbs)"
    command.add_argument("--sweeps", metavar="N", type=int, help=sweeps)
    command.add_argument("--clamp", metavar="C", help="values to fix: v1=1,v3=0 or v1..v8=0, a pattern 1??0, or NAME=VALUE")
    settings: dict[str, Any] = {"metavar": "CONDITIONS", "action": "append", "default": []}
    command.add_argument("--where", help="draw rows that fulfill all of these: 'age >= 18, sex = female'", **settings)
    command.add_argument("--forbid", help="draw no row with this combination: 'age < 16, married = yes'", **settings)
    add(command, "--out", help="file for the draws: .npy or .png; of a table .csv or .parquet")


def run(options: argparse.Namespace) -> None:
    model = load_model(options.model)
    draw = _draw_table if model.is_of_table else _draw_array
    result, lines, drawn = draw(options, model)
    method, warnings, probability = drawn.method, drawn.warnings, drawn.probability
    for warning in warnings:
        say(f"warning: {warning}")
    error = None if probability is None else getattr(drawn, "probability_error", 0.0)
    if probability is not None:
        estimated = f" +- {100 * error:.2g}" if error else ""
        say(f"{100 * probability:.4g}{estimated} % of the model's rows fulfill the conditions")
    if options.json:
        asked = {"where": options.where, "forbid": options.forbid, "probability": probability, "probability_error": error}
        print_json({"count": options.count, "method": method, "seed": options.seed, "warnings": warnings} | asked | result)
    elif options.out is None:
        # Another program gets the values as they are.
        print(*(map(printable, lines) if sys.stdout.isatty() else lines), sep="\n")
        say(f"{options.count:,} draws ({method})")
    else:
        print(f"{options.count:,} draws ({method}) in {printable(result['file'])}")


def _draw_array(options: argparse.Namespace, model: ModelFile) -> tuple[dict[str, Any], list[str], hm.sampling.Draws]:
    check_out(options, ARRAYS)
    visible = model.rbm.visible
    settings = {"clamp": options.clamp, "method": options.method, "sweeps": options.sweeps}
    if options.where or options.forbid:
        settings["where"] = hm.tabular.conditions(model.schema, options.where, options.forbid)
    drawn = hm.sampling.draw(model.rbm, options.count, options.seed, **settings)
    v = drawn.values
    if options.out is None:
        if None in visible.unit_symbols:  # units of a continuum
            return {"samples": v}, [" ".join(f"{value:.6g}" for value in state) for state in v.tolist()], drawn
        lines = list(visible.write_all(v))
        return {"samples": lines}, lines, drawn
    content = v if options.out.endswith(".npy") else hm.plots.tiles(v, model.image_shape, f"Samples ({drawn.method})")
    return {"file": write(options.out, content, options.overwrite)}, [], drawn


def _draw_table(options: argparse.Namespace, model: ModelFile) -> tuple[dict[str, Any], list[str], hm.tabular.TableDraws]:
    check_out(options, TABLES)
    given = {}
    for part in filter(None, map(str.strip, (options.clamp or "").split(","))):
        name, separator, value = (text.strip() for text in part.partition("="))
        if not separator:
            raise InputError(f"--clamp {part!r}: write NAME=VALUE, as in region=north")
        given[name] = value
    settings = {"method": options.method, "sweeps": options.sweeps, "seed": options.seed}
    settings |= {"where": options.where, "forbid": options.forbid}
    drawn = hm.tabular.sample(model.rbm, model.schema, options.count, given=given, like=hm.io.Frame({}), **settings)
    columns = drawn.table.columns
    if options.out is not None:
        file = write(options.out, columns, options.overwrite)
        return {"given": given, "file": file}, [], drawn
    samples = {name: hm.io.frames.plain_cells(cells) for name, cells in columns.items()}
    lines = hm.io.table_content(columns, ".csv").decode().splitlines()
    return {"given": given, "samples": samples}, lines, drawn
