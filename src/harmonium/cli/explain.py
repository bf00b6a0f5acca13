"""say which hidden units speak for a row of a table, and why

A row is the likelier the lower its free energy F, and -F is a sum: what the visible cells have by themselves, and one term for
each hidden unit, ln(1 + e^S) of its total input S if it is binary. A unit's voice is by how much its term is above that at an
average row; each cell's part is by how much its value moves S. Missing cells are first filled with their most probable values.
"""

from __future__ import annotations

import argparse

from harmonium.cli.inputs import add_model_and_table, cell_text, machine_and_table
from harmonium.cli.output import console, print_json
from harmonium.cli.small_model import add_seed

EXAMPLE = """\
example:
  harmonium explain runs/survey survey.csv --row 12
  harmonium explain runs/survey survey.csv --row 12 --units 3 --cells 5
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_model_and_table(command)
    command.add_argument("--row", metavar="N", type=int, required=True, help="number of the row; the first is 1")
    command.add_argument("--units", metavar="N", type=int, default=5, help="hidden units to name (default: 5)")
    command.add_argument("--cells", metavar="N", type=int, default=3, help="cells to name for each (default: 3)")
    add_seed(command)


def run(options: argparse.Namespace) -> None:
    from harmonium import _checks, tabular

    _checks.integer(options.row, "--row")
    units, cells = _checks.integer(options.units, "--units"), _checks.integer(options.cells, "--cells", 0)
    rbm, base_rate, schema, frame = machine_and_table(options)
    found = tabular.explain(rbm, schema, frame, options.row - 1, average=base_rate, seed=options.seed)
    voices = found.voices[:units]
    if options.json:
        print_json(
            {
                "row": options.row,
                "free_energy": found.free_energy,
                "visible": found.visible,
                "average": found.average,
                "filled": found.filled,
                "units": [{**voice._asdict(), "unit": f"h{voice.unit + 1}"} for voice in voices],
            }
        )
        return
    out = console()
    total = sum(voice.nats for voice in found.voices)
    out.print(
        f"row {options.row}: -F = {-found.free_energy:.3f} nats = {found.visible:.3f} of the cells by themselves "
        f"{found.average:+.3f} of the hidden units at an average row {total:+.3f} of what they say of this one"
    )
    if found.filled:
        out.print(f"missing and filled with the most probable values: {', '.join(found.filled)}")
    values = {name: column[options.row - 1] for name, column in frame.columns.items()}
    for voice in voices:
        speaks = "speaks for the row" if voice.nats >= 0 else "speaks against the row"
        state = f"on with probability {voice.mean:.3f}" if rbm.hidden.name == "binary" else f"mean {voice.mean:.3f}"
        out.print(f"h{voice.unit + 1} {speaks}: {voice.nats:+.3f} nats ({state})", style="bold")
        strongest = sorted(voice.inputs.items(), key=lambda item: -abs(item[1]))[:cells]
        for name, input_ in strongest:
            value = "filled" if name in found.filled else cell_text(values[name])
            out.print(f"    {name} = {value} moves its input by {input_:+.2f}")
