"""train a machine on a data set and report how likely the test data is

DATA is a named source (`harmonium data` lists them) or a file: .npy, .npz (file.npz:key), .csv, .parquet, IDX, gzipped or not;
or a folder of .parquet files with the same columns, all numbers. Such a folder, a sparse matrix and very large .npy and
.parquet files are read as they are needed, and their values are taken as they are.
A .csv or .parquet file may have columns of any kinds, and missing cells (empty, NA, NaN, null, ?): the kinds that were made
out are shown, and --as, --ignore and --schema say otherwise. A file of zeros and ones alone is taken as it is; NaN in an
array is a missing cell.
The run folder gets the model, metrics.jsonl, config.json (enough to repeat the run exactly) and pictures. Log likelihoods
are in nats per example. With 20 hidden units, the default, they are exact; of larger machines they are bracketed.
The machine kept is the one whose held-out log likelihood is best.
A run that is stopped, by Ctrl-C, by SIGTERM or by whatever befalls the computer, goes on with --resume RUN from its last
checkpoint, bit for bit as if it had not been stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmonium.checks import InputError
from harmonium.cli import checkpoints, runs, training_record
from harmonium.cli.compiled import keep_compiled_code
from harmonium.cli.machine import EVERY_KIND, add_seed, layer, number
from harmonium.cli.show import print_json
from harmonium.cli.stopping import Stopping
from harmonium.cli.tables import add_columns, show_schema
from harmonium.cli.training_data import dataset_of
from harmonium.cli.training_progress import follow
from harmonium.cli.training_report import pictures, print_report, report

if TYPE_CHECKING:
    import numpy as np

    from harmonium.data import Dataset, Streamed
    from harmonium.gradients import Estimator
    from harmonium.model import RBM
    from harmonium.training.settings import Settings

EXAMPLE = """\
example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8
  harmonium train survey.csv --as income=real --as region=categorical --ignore id
  harmonium train images.npy --hidden 500 --binarise threshold=0.5 --minutes 10 --out runs/mine
  harmonium train --resume runs/mine
"""

DEFAULT_MINUTES, PATIENCE, CHECKPOINT_MINUTES = 2.0, 1.0, 5.0
WITH_RESUME = {"resume", "checkpoint_every", "evaluation_seconds"}
"""The options that may be given when a run goes on."""
PRECISIONS = ("auto", "float32", "bf16")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", nargs="?", help="a named source, a file or a folder of Parquet files")
    group = command.add_argument_group("the data")
    group.add_argument("--valid", metavar="FILE", help="rows for validation (default: a tenth of DATA is held out)")
    group.add_argument("--test", metavar="FILE", help="rows for the test (default: a tenth of DATA is held out)")
    group.add_argument("--binarise", metavar="HOW", help="zeros and ones from grey levels: threshold=X or stochastic")
    add_columns(group)
    group = command.add_argument_group("the machine")
    group.add_argument("--hidden", metavar="N", type=int, default=20, help="number of hidden units (default: 20)")
    group.add_argument("--visible-units", metavar="KIND", help=f"{EVERY_KIND} (default: binary, or those of columns)")
    group.add_argument("--hidden-units", metavar="KIND", default="binary", help="likewise, of the hidden units")
    group = command.add_argument_group("how long")
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes",
        metavar="X",
        type=number,
        help=f"time allowed (default: {DEFAULT_MINUTES:g})",
    )
    length.add_argument("--updates", metavar="N", type=int, help="number of updates instead")
    length.add_argument("--epochs", metavar="X", type=number, help="passes over the data instead")
    group.add_argument(
        "--patience",
        metavar="X",
        type=number,
        help="let the rate fall to zero and end when the best held-out log likelihood is this share of its updates ago, and "
        "keep the best machine; 0: go on and keep the last (default: 1; 0 with --updates or --epochs)",
    )
    group = command.add_argument_group("the training (what is not said is chosen from the size of the data and the machine)")
    group.add_argument("--estimator", metavar="E", help="of the gradient: pcd-K, cd-K, pt-K, ptt-K or exact")
    group.add_argument("--rate", metavar="R", type=number, help="learning rate")
    group.add_argument("--momentum", metavar="X", type=number, help="of the ascent, 0: none")
    group.add_argument("--batch", metavar="N", type=int, help="rows in an update")
    group.add_argument("--chains", metavar="N", type=int, help="number of chains, not of cd or exact")
    group.add_argument("--l1", metavar="X", type=number, help="strength of the penalty on the sum of |weights|, 0: none")
    group.add_argument("--cooldown", metavar="X", type=number, help="share of the run in which the rate falls to zero")
    group.add_argument("--horizon", metavar="N", type=int, help="updates that --cooldown is a share of, if --updates are fewer")
    group.add_argument(
        "--brake", metavar="N", type=int, nargs=2, help="first and last update of a brake that --patience put on, to repeat it"
    )
    group.add_argument("--average", metavar="X", type=number, help="share of the run that the average reaches back, 0: none")
    group.add_argument("--not-centred", action="store_true", help="follow the gradient itself, not the centred one")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="of the matrix products of pcd and cd: bf16 rounds their factors; auto does where the hardware has such products",
    )
    add_seed(group)
    group.add_argument(
        "--evaluation-seconds",
        metavar="X",
        type=number,
        default=60.0,
        help="time for the closing report's log likelihood, where it is not exact (default: 60)",
    )
    group = command.add_argument_group("the run folder")
    group.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME, or the next free runs/NAME-2, ...)")
    group.add_argument("--overwrite", action="store_true", help="write into --out even if it is not empty")
    group.add_argument(
        "--checkpoint-every",
        metavar="MINUTES",
        type=number,
        default=CHECKPOINT_MINUTES,
        help=f"how often what a run can go on from is written (default: {CHECKPOINT_MINUTES:g}; 0: only when stopped)",
    )
    group.add_argument("--resume", metavar="RUN", help="go on with the run of that folder, all its settings as they were")


def run(options: argparse.Namespace) -> int | None:
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        return _run(options, begun, stack)


def _run(options: argparse.Namespace, begun: float, stack: contextlib.ExitStack) -> int | None:
    keep_compiled_code()
    import jax

    from harmonium import checks, tables, training

    # Everything is checked before the folder is made, so that a mistake leaves nothing behind.
    folder, checkpoint = None, None
    earlier: dict[str, Any] = {}
    if options.resume is not None:
        folder = Path(options.resume)
        options, earlier = _taken_up(options, folder)
        stack.enter_context(checkpoints.locked(folder))
        checkpoint, wrong = checkpoints.latest(folder)
        instead = "the run begins again" if checkpoint is None else f"update {checkpoint.step:,} is gone on from"
        for each in wrong:
            print(f"harmonium: {each}; {instead}", file=sys.stderr)
    elif options.data is None:
        raise InputError("DATA is missing: give a named source or a file, or --resume RUN")
    checks.positive(options.evaluation_seconds, "--evaluation-seconds")
    if options.checkpoint_every != 0:
        checks.positive(options.checkpoint_every, "--checkpoint-every")
    dataset = dataset_of(options)
    hidden = layer(options.hidden_units, checks.whole(options.hidden, "--hidden"), "--hidden-units", visible=False)
    schema = dataset.schema
    if schema is None:
        visible = layer(options.visible_units or "binary", dataset.train.shape[1], "--visible-units", visible=True)
    else:
        visible = tables.units_of(schema)
    rbm = training.initial(dataset.train, hidden, visible, seed=checks.seed(options.seed))
    base_rate = rbm.visible
    for part in ("valid", "test"):
        base_rate.check(getattr(dataset, part), f"{part} data", missing=True)
    if schema is not None:
        show_schema(schema, stderr=options.json)
    settings = _settings(options, dataset, rbm)
    estimator = settings.make_estimator()
    states = training.train(
        rbm,
        dataset.train,
        estimator,
        settings.make_optimiser(),
        batch_size=settings.batch,
        updates=options.updates,
        epochs=options.epochs,
        minutes=options.minutes,
        horizon=options.horizon,
        cooldown=settings.cooldown,
        patience=options.patience,
        brake=options.brake,
        average=settings.average,
        valid=dataset.valid,
        seed=options.seed,
        bfloat16=options.precision == "bf16",
        resume=checkpoint,
    )
    _trace(rbm, estimator, dataset.train)
    config = training_record.config_of(options, dataset, jax.devices()[0].device_kind)
    history: list[dict[str, float]] = []
    if folder is None:
        folder = runs.new_folder(_name(dataset), options.out, options.overwrite)
        stack.enter_context(checkpoints.locked(folder))
        checkpoints.remove(folder)
        (folder / runs.METRICS).unlink(missing_ok=True)
    else:
        training_record.check_unchanged(earlier, config)
        history = checkpoints.history(folder, 0 if checkpoint is None else checkpoint.step)
    runs.write_json(folder / runs.CONFIG, config)
    if schema is not None:
        runs.write_json(folder / runs.SCHEMA, schema.described())
    keeper = checkpoints.Keeper(folder, options.checkpoint_every)
    with Stopping() as stopping:
        state, stopped = follow(states, folder, options, keeper, stopping, history)
    kept = int(state.metrics.get("best_step", state.step))
    config |= {"updates": kept, "repeat": training_record.repeat(options, kept, state.metrics)}
    try:
        training_record.save(state.rbm, base_rate, folder, dataset, config)
        runs.write_json(folder / runs.CONFIG, config | {"finished": stopped is None})
    except InputError as error:
        if not checkpoints.files(folder):
            raise
        raise InputError(f"{error}; mend that, and go on from the last checkpoint: {_resuming(folder)}") from error
    if stopped is not None:
        how = f"; go on with: {_resuming(folder)}" if stopping.asked and not keeper.trouble else ""
        print(f"harmonium: {stopped}; the machine after {state.step:,} updates is in {folder}{how}", file=sys.stderr)
        return stopping.status if stopping.asked else 2
    checkpoints.remove(folder)
    try:
        found = report(options, state.rbm, base_rate, dataset)
    except KeyboardInterrupt:
        print(f"harmonium: interrupted before the closing report; the trained machine is in {folder}", file=sys.stderr)
        return 130
    pictures(state.rbm, dataset, history, found, folder, options.seed)
    found |= {"updates": kept, "seconds": time.monotonic() - begun, "run": str(folder)}
    if options.json:
        print_json(found | {part: found[part].as_dict() for part in ("log_likelihood", "train")})
    else:
        print_report(found, dataset)
    return None


def _resuming(folder: Path) -> str:
    return f"harmonium train --resume {shlex.quote(str(folder))}"


def _name(dataset: Dataset) -> str:
    """The run folder's, if none is given."""
    plain_name = re.sub(r"\.(npy|npz|csv|tsv|txt|parquet|idx|gz)(?=$|[.:])", "", Path(dataset.name).name)
    return re.sub(r"[^\w.-]+", "-", plain_name).strip("-.") or "run"


def _taken_up(options: argparse.Namespace, folder: Path) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The options of a run that was begun, and its config.json."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    defaults = vars(parser.parse_args([]))
    given = {name: getattr(options, name) for name in defaults if getattr(options, name) != defaults[name]}
    for name in given.keys() - WITH_RESUME:
        option = "DATA" if name == "data" else "--as" if name == "kinds" else f"--{name.replace('_', '-')}"
        raise InputError(f"--resume goes on with the settings of {folder}; leave out {option}")
    config = checkpoints.begun(folder)
    if unknown := sorted(config["settings"].keys() - defaults.keys()):
        raise InputError(f"{folder / runs.CONFIG} has settings that this harmonium does not know: {', '.join(unknown)}")
    return argparse.Namespace(**vars(options) | config["settings"] | given), config


def _settings(options: argparse.Namespace, dataset: Dataset, rbm: RBM) -> Settings:
    """What is asked for, and beside it what suits the data; written back into the options, so that the run is on record."""
    from dataclasses import fields, replace

    from harmonium import checks
    from harmonium.training.precision import bfloat16_is_native
    from harmonium.training.settings import settings_for

    if options.patience is not None and options.patience != 0:
        checks.positive(options.patience, "--patience")
    if options.updates is options.epochs is options.minutes is None:
        options.minutes = DEFAULT_MINUTES
    if options.patience is None:
        options.patience = 0.0 if options.minutes is None else PATIENCE
    chosen = settings_for(len(dataset.train), rbm, options.estimator)
    if dataset.entropy is not None:
        chosen = replace(chosen, l1=0.0)  # the rows are the law itself: there is nothing to overfit
    if options.not_centred:
        chosen = replace(chosen, centred=False)
    asked = {field.name: getattr(options, field.name, None) for field in fields(chosen)}
    chosen = replace(chosen, **{name: value for name, value in asked.items() if value is not None})
    checks.positive(chosen.rate, "--rate")
    if checks.share(chosen.momentum, "--momentum") == 1:
        raise InputError("--momentum must be below 1: with 1 no step would ever be forgotten")
    checks.whole(chosen.batch, "--batch")
    checks.whole(chosen.chains, "--chains")
    if chosen.l1 != 0:
        checks.positive(chosen.l1, "--l1")
    by_gibbs = chosen.estimator.startswith(("pcd", "cd"))
    if options.precision == "bf16" and not by_gibbs:
        raise InputError(f"--precision bf16 is for the estimators pcd-K and cd-K, but the estimator is {chosen.estimator}")
    if options.precision == "auto":
        # Real values would be rounded with their products; zeros and ones are not.
        rounded = by_gibbs and rbm.visible.state_count is not None and bfloat16_is_native()
        options.precision = "bf16" if rounded else "float32"
    for field in fields(chosen):
        if field.name != "centred":
            setattr(options, field.name, getattr(chosen, field.name))
    return chosen


def _trace(rbm: RBM, estimator: Estimator, rows: np.ndarray | Streamed) -> None:
    """Go through an update's gradient without computing it: a machine too large to be exact is found out here."""
    import jax

    from harmonium.data.streams import sample_of

    key = jax.random.key(0)
    state = jax.eval_shape(estimator.init, key, rbm)
    jax.eval_shape(estimator.gradient, key, rbm, state, sample_of(rows, 1, "data")[:1].astype(rbm.weights.dtype))
