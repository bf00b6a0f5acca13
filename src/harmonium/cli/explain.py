"""show which hidden units contribute to the probability of a table's row, and why

The free energy of a row is the sum of a visible part and one term for each hidden unit. A unit's contribution is its term minus
the term at an average row. A cell's part is how far its value moves the unit's total input. Missing cells are first filled with
their most probable values.

example:
  harmonium explain runs/survey survey.csv --row 12
  harmonium explain runs/survey survey.csv --row 12 --units 3 --cells 5
"""

from __future__ import annotations

import argparse

import harmonium as hm
from harmonium import _checks
from harmonium.cli.inputs import add, add_count, load_model, say_unseen
from harmonium.cli.output import Answer, Styled, cell_text
from harmonium.errors import InputError


def add_arguments(command: argparse.ArgumentParser) -> None:
    add(command, "model", "table", "--unseen", "--seed")
    command.add_argument("--row", metavar="N", type=int, required=True, help="number of the row; the first is 1")
    add_count(command, "units", 5, "hidden units to name")
    add_count(command, "cells", 3, "cells to name for each")


def run(options: argparse.Namespace) -> Answer:
    row = _checks.integer(options.row, "--row")
    most_units, most_cells = _checks.integer(options.units, "--units"), _checks.integer(options.cells, "--cells", 0)
    model = load_model(options.model)
    frame = model.read_table(options.table, options)
    if row > len(frame):
        raise InputError(f"--row {row}: the table has {len(frame)} rows")
    settings = {"average": model.base_rate, "unseen": options.unseen, "seed": options.seed}
    explanation = hm.tabular.explain(model.rbm, model.schema, frame, row - 1, **settings)
    units = [{**unit._asdict(), "unit": f"h{unit.unit + 1}"} for unit in explanation.contributions[:most_units]]
    figures = {name: getattr(explanation, name) for name in ("free_energy", "visible", "average", "filled", "unseen")}
    say_unseen({name: [row - 1] for name in explanation.unseen})
    total = sum(unit.nats for unit in explanation.contributions)
    text: list[str | Styled] = [
        f"row {row}: -F = {-explanation.free_energy:.3f} nats = {explanation.visible:.3f} of the cells by themselves "
        f"{explanation.average:+.3f} of the hidden units at an average row {total:+.3f} of their contributions to this one"
    ]
    if explanation.filled:
        text.append(f"missing and filled with the most probable values: {', '.join(explanation.filled)}")
    for unit in units:
        state = f"on with probability {unit['mean']:.3f}" if model.rbm.hidden.name == "binary" else f"mean {unit['mean']:.3f}"
        text.append(Styled(f"{unit['unit']} contributes {unit['nats']:+.3f} nats ({state})"))
        for name, input_ in sorted(unit["inputs"].items(), key=lambda item: -abs(item[1]))[:most_cells]:
            value = "filled" if name in explanation.filled else cell_text(frame.columns[name][row - 1])
            text.append(f"    {name} = {value} moves its input by {input_:+.2f}")
    return Answer({"row": row, **figures, "units": units}, text)
