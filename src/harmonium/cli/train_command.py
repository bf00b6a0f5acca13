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
Several processes work as one: --processes N starts them on this machine; under Slurm, Open MPI and Kubernetes they find each
other, and elsewhere each is told by --coordinator, --process-id and --process-count. Rows and chains of an update, by default
200 a device, are shared among all devices.

example:
  harmonium train digits
  harmonium train bars-and-stripes:3x3 --hidden 8
  harmonium train survey.csv --as income=real --as region=categorical --ignore id
  harmonium train images.npy --hidden 500 --binarize threshold=0.5 --minutes 10 --out runs/mine
  harmonium train --resume runs/mine
  harmonium train images.npy --hidden 2000 --minutes 600 --processes 4
"""

from __future__ import annotations

import argparse
import socket
import time

from harmonium.cli import processes
from harmonium.cli.cluster import Place
from harmonium.cli.inputs import add_columns, add_seed, number
from harmonium.cli.small_model import EVERY_KIND

CHECKPOINT_MINUTES = 5.0
PRECISIONS = ("auto", "float32", "bf16")


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="DATA", nargs="?", help="a named source, a file or a folder of Parquet files")
    group = command.add_argument_group("the data")
    group.add_argument("--valid", metavar="FILE", help="rows for validation (default: a tenth of DATA is held out)")
    group.add_argument("--test", metavar="FILE", help="rows for the test (default: a tenth of DATA is held out)")
    group.add_argument("--binarize", metavar="HOW", help="zeros and ones from gray levels: threshold=X or stochastic")
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
        help="time allowed (default: 2)",
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
    group.add_argument("--not-centered", action="store_true", help="follow the gradient itself, not the centered one")
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
    processes.add_arguments(command)


def run(options: argparse.Namespace) -> int | None:
    begun = time.monotonic()

    def work(place: Place | None, boss: socket.socket | None) -> int | None:
        from harmonium.cli.training_work import work

        return work(options, place, begun, boss)

    return processes.run(options, work)
