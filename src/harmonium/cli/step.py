"""take steps of learning and see the probability of a target rise

delta w_ij = rate / T * (<v_i h_j>_v - <v_i h_j>_vh): the positive term with v held at the target (or at the rows of --data),
the negative term under the whole joint distribution, exact or estimated. cd-K counts sampled states, as in the lecture's
vector form v h^T - v' h'^T. With --steps the two terms are the last step's and delta is the sum of all.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from harmonium.cli import table as tables_of
from harmonium.cli.output import console, print_json, print_table, units_text
from harmonium.cli.small_model import add_machine, add_seed, check_energies, machine, number
from harmonium.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from harmonium.lecture import Step, Table
    from harmonium.model import RBM

EXAMPLE = """\
example:
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --freeze-biases
  harmonium step --weights "0.5 0.5; 0.5 0.5" --target 01 --rate 0.1 --estimator cd-1 --seed 3
  harmonium step --weights "1 0; 0 1; 0 -1; -1 0" --data bars-and-stripes:2x2 --rate 0.5 --steps 500
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    add_machine(command)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--target", metavar="V", help="the visible state to make more probable, such as 01")
    what.add_argument("--data", metavar="DATA", help="a whole training set instead: a named source or a file")
    command.add_argument("--rate", metavar="R", type=number, default=0.1, help="learning rate (default: 0.1)")
    command.add_argument("--steps", metavar="N", type=int, default=1, help="number of steps (default: 1)")
    command.add_argument("--estimator", metavar="E", default="exact", help="exact (default), cd-K, pcd-K, pt-K or ptt-K")
    command.add_argument("--chains", metavar="N", type=int, default=100, help="number of pcd chains (default: 100)")
    command.add_argument("--freeze-biases", action="store_true", help="change the weights only")
    command.add_argument("--binarize", metavar="HOW", help="threshold=X or stochastic, for --data")
    add_seed(command)


def run(options: argparse.Namespace) -> None:
    import numpy as np

    from harmonium import _checks, data, gradients, lecture

    rbm = machine(options)
    for layer in (rbm.visible, rbm.hidden):
        if layer.state_count is None or not hasattr(layer, "bias"):
            raise InputError(
                f"a step is shown of units with biases alone, not of {layer.name} ones; harmonium train takes those"
            )
    if options.binarize is not None and options.data is None:
        raise InputError("--binarize goes with --data")
    if options.target is not None:
        rows = rbm.visible.read(options.target, "--target")[None]
    else:
        rows = data.load(options.data, options.binarize, options.seed, hold_out=()).train
        rbm.visible.check(rows, options.data)
    estimator = gradients.by_name(options.estimator, _checks.integer(options.chains, "--chains"), sampled=True)
    before = lecture.log_probabilities(rbm, rows, options.temperature)
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        taken = lecture.steps(
            rbm,
            rows,
            estimator,
            options.rate,
            temperature=options.temperature,
            number=options.steps,
            freeze_biases=options.freeze_biases,
            seed=options.seed,
        )
    after = taken[-1].after
    check_energies(after, options.temperature, f"the machine after {options.steps:,} steps at --rate {options.rate:g}")
    tables = [lecture.table(machine_at, options.temperature) for machine_at in (rbm, after)]
    if options.json:
        print_json(_as_dict(rbm, taken, before, tables))
        return
    out = console()
    _print_terms(out, rbm, taken)
    what = f"v={options.target}" if options.target else f"v, geometric mean over {len(rows):,} rows"
    names = [f"Pr{{{what}}}", f"Pr{{v'=v|v}}, reconstructing {'it' if options.target else 'each'}"]
    changes = zip(names, np.exp(before), np.exp([taken[-1].log_probability, taken[-1].log_reconstruction]), strict=True)
    if len(taken[-1].delta.weights.ravel()) <= MOST_WEIGHTS and all(table.complete for table in tables):
        _print_tables(out, rbm, *tables)
    print_table("What the learning was for", ["", "before", "after"], changes, out=out)


MOST_WEIGHTS = 256
"""Of a machine with more weights the terms are not printed one by one."""


def _as_dict(rbm: RBM, taken: list[Step], before: tuple[float, float], tables: list[Table]) -> dict[str, Any]:
    import numpy as np

    last = taken[-1]
    total = {
        "weights": sum(step.delta.weights for step in taken),
        "visible_bias": sum(_bias(step.delta.visible) for step in taken),
        "hidden_bias": sum(_bias(step.delta.hidden) for step in taken),
    }
    result: dict[str, Any] = {
        "positive": last.positive.weights,
        "negative": last.negative.weights,
        "positive_bias": {"visible": _bias(last.positive.visible), "hidden": _bias(last.positive.hidden)},
        "negative_bias": {"visible": _bias(last.negative.visible), "hidden": _bias(last.negative.hidden)},
        "delta": total,
        "probability_before": np.exp(before[0]),
        "probability_after": np.exp(last.log_probability),
        "reconstruction_before": np.exp(before[1]),
        "reconstruction_after": np.exp(last.log_reconstruction),
        "log_likelihood_before": before[0],
        "log_likelihood_after": last.log_probability,
        "steps": [
            {"probability": np.exp(step.log_probability), "reconstruction": np.exp(step.log_reconstruction)} for step in taken
        ],
        "before": tables_of.as_dict(rbm, tables[0]),
        "after": tables_of.as_dict(last.after, tables[1]),
    }
    if last.trace is not None:
        names = ("v", "h", "v_reconstructed", "h_reconstructed")
        layers = (rbm.visible, rbm.hidden, rbm.visible, rbm.hidden)
        texts = [units_text(units, states) for units, states in zip(layers, last.trace, strict=True)]
        result["trace"] = {name: states[0] if len(states) == 1 else states for name, states in zip(names, texts, strict=True)}
    return result


def _bias(units: Any) -> np.ndarray:
    import numpy as np

    return np.asarray(units.bias)


def _print_terms(out: Console, rbm: RBM, taken: list[Step]) -> None:
    import numpy as np

    last = taken[-1]
    if last.trace is not None and len(last.trace[0]) <= 16:
        layers = (rbm.visible, rbm.hidden, rbm.visible, rbm.hidden)
        texts = [units_text(units, states) for units, states in zip(layers, last.trace, strict=True)]
        print_table("Sampled states", ["v", "h", "v'", "h'"], zip(*texts, strict=True), out=out)
    delta = sum(step.delta.weights for step in taken)
    if delta.size > MOST_WEIGHTS:
        out.print(f"{delta.size:,} weights changed by {np.abs(delta).max():.6g} at most\n")
        return
    rows = []
    for i, j in np.ndindex(*delta.shape):
        numbers = (array[i, j] for array in (last.positive.weights, last.negative.weights, delta, last.after.weights))
        rows.append([f"w{i + 1}{j + 1}" if max(delta.shape) < 10 else f"w{i + 1},{j + 1}", *numbers])
    for letter, layer in (("a", "visible"), ("b", "hidden")):
        parts = [_bias(getattr(machine, layer)) for machine in (last.positive, last.negative)]
        change = sum(_bias(getattr(step.delta, layer)) for step in taken)
        columns = [*parts, change, _bias(getattr(last.after, layer))]
        rows += [[f"{letter}{i + 1}", *numbers] for i, numbers in enumerate(zip(*columns, strict=True))]
    title = "One step" if len(taken) == 1 else f"{len(taken):,} steps (the terms are the last one's)"
    header = ["parameter", "positive term", "negative term", "delta", "after"]
    print_table(title, header, rows, breaks=[delta.size - 1], out=out)


def _print_tables(out: Console, rbm: RBM, before: Table, after: Table) -> None:
    rows = zip(
        units_text(rbm.visible, before.joint.v),
        units_text(rbm.hidden, before.joint.h),
        before.joint.energy,
        before.joint.probability,
        after.joint.energy,
        after.joint.probability,
        strict=True,
    )
    header = ["v", "h", "E before", "probability before", "E after", "probability after"]
    print_table(f"All {before.joint.configurations:,} configurations", header, rows, out=out)
    first, second = before.joint.log_partition, after.joint.log_partition
    out.print(f"ln Z = {first:.9f} before, {second:.9f} after\n")
