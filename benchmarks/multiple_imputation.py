"""Multiple imputation: do pooled intervals cover, and how good are draws of hidden cells, beside R's mice.

    python -m benchmarks.multiple_imputation [--tables 500] [--draws 10] [--only coverage scores] [--record]

`coverage` draws tables of y = 1 + 0.5 x - 0.7 w + 0.4 z + 0.6 b + noise, with x, w, z correlated normal and b binary; 30 % of
all cells are hidden at random, given z, which is complete. The regression is estimated in each completed table and pooled by
Rubin's rules. `scores` hides cells of survey tables, at random, given another column, or given their own value, and judges
draws of the hidden cells of each row by the energy score, of real cells by the continuous ranked probability score, and of
others by the log score of the fractions of the draws (a count added to each value). mice (`apt-get install r-cran-mice`) takes
part where Rscript is; it sees real columns as numbers and all others as factors.

References: T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102 (2007); S. van
Buuren and K. Groothuis-Oudshoorn, "mice: multivariate imputation by chained equations in R", J. Stat. Softw. 45 (2011).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import harmonium as hm
from benchmarks import here
from harmonium.io import from_native
from harmonium.tabular import Schema
from harmonium.tabular.infer_schema import infer

ROWS, HIDDEN_UNITS, UPDATES = 250, 8, 3000
TRUTH = {"(intercept)": 1.0, "x": 0.5, "w": -0.7, "z": 0.4, "b": 0.6}
FRACTION, HIDDEN = 0.3, 0.2
GAPS = ("at random", "given another column", "given their own value")
MICE = """
suppressPackageStartupMessages(library(mice))
arguments <- commandArgs(trailingOnly = TRUE)
for (file in Sys.glob(file.path(arguments[1], "*.csv"))) {
  table <- read.csv(file, stringsAsFactors = TRUE, check.names = FALSE, na.strings = c("", "NA"))
  names <- names(table)
  names(table) <- paste0("c", seq_along(names))
  made <- mice(table, m = as.integer(arguments[2]), printFlag = FALSE, seed = 1)
  long <- complete(made, "long")[, -(1:2)]
  names(long) <- names
  write.csv(long, sub("csv$", "out", file), row.names = FALSE)
}
"""


def by_mice(tables: list[pd.DataFrame], draws: int) -> list[list[pd.DataFrame]] | None:
    """The completed tables of each table; None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "impute.R")
        script.write_text(MICE)
        for number, table in enumerate(tables):
            table.to_csv(Path(folder, f"{number:05}.csv"), index=False)
        subprocess.run(["Rscript", str(script), folder, str(draws)], check=True, capture_output=True)
        completed = []
        for number, table in enumerate(tables):
            long = pd.read_csv(Path(folder, f"{number:05}.out"))
            completed.append([long[first : first + len(table)] for first in range(0, len(long), len(table))])
    return completed


def fit(table: pd.DataFrame, hidden: int, updates: int, seed: int, like: Schema | None = None) -> tuple[hm.RBM, Schema]:
    """A model of the table, and its schema, with the levels of another one."""
    columns = like.columns if like else ()
    levels = {c.name: {"kind": c.kind, "levels": list(c.levels)} for c in columns if not c.is_number}
    schema = infer(from_native(table), levels)
    rows = hm.tabular.encode(schema, table)
    start = hm.initialize(rows, hidden, hm.tabular.units_of(schema), seed=seed)
    *_, last = hm.train(start, rows, updates=updates, measure=False, seed=seed)
    return last.rbm, schema


# ---- coverage


def draw_table(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table, and the same with gaps: 30 % of all cells, of the columns but z, given z."""
    random = np.random.default_rng([7, seed])
    correlated = np.linalg.cholesky(0.4 + 0.6 * np.eye(3))
    x, w, z = correlated @ random.standard_normal((3, ROWS))
    b = (random.random(ROWS) < 1 / (1 + np.exp(-x))).astype(float)
    y = TRUTH["(intercept)"] + 0.5 * x - 0.7 * w + 0.4 * z + 0.6 * b + random.standard_normal(ROWS)
    table = pd.DataFrame({"y": y, "x": x, "w": w, "z": z, "b": np.where(b == 1, "yes", "no")})
    gaps = table.copy()
    share = FRACTION * len(table.columns) / (len(table.columns) - 1)
    for name in ("y", "x", "w", "b"):
        odds = np.exp(0.8 * z + np.log(share / (1 - share)))
        gaps.loc[random.random(ROWS) < odds / (1 + odds), name] = None
    return table, gaps


def regress(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The coefficients and their standard errors."""
    numbers = table[["x", "w", "z"]].to_numpy(float)
    design = np.column_stack([np.ones(len(table)), numbers, (table["b"] == "yes").to_numpy(float)])
    inverse = np.linalg.inv(design.T @ design)
    y = table["y"].to_numpy(float)
    found = inverse @ design.T @ y
    residual = y - design @ found
    return found, np.sqrt(np.diag(inverse) * (residual @ residual) / (len(y) - len(found)))


def coverage(count: int, draws: int, seconds: float) -> str:
    truth = np.array(list(TRUTH.values()))
    made = [draw_table(seed) for seed in range(count)]
    found: dict[str, list[Any]] = {}
    spent = dict.fromkeys(("no gaps", "complete rows", "draws, one model", "draws, refitted models"), 0.0)
    begun = time.monotonic()
    for seed, (table, gaps) in enumerate(made):
        clock = time.process_time()
        rbm, schema = fit(gaps, HIDDEN_UNITS, UPDATES, seed)
        spent["draws, one model"] += time.process_time() - clock
        for who, refit in (("draws, one model", False), ("draws, refitted models", True)):
            clock = time.process_time()
            tables = hm.tabular.impute(rbm, schema, gaps, draws, refit=refit, seed=seed).draws
            found.setdefault(who, []).append(pooled(tables))
            spent[who] += time.process_time() - clock
        for who, whole in (("no gaps", table), ("complete rows", gaps.dropna())):
            estimate, error = regress(whole)
            width = hm.pool([estimate] * 2, [error] * 2, len(whole) - len(truth))
            found.setdefault(who, []).append((estimate, width.low, width.high))
        if seed % 25 == 0:
            print(seed, *(f"{who} {covers(found[who], truth)[0]}" for who in found), flush=True)
        if time.monotonic() - begun > seconds:
            break
    done = len(found["no gaps"])
    clock = time.monotonic()
    completed = by_mice([gaps for _, gaps in made[:done]], draws)
    if completed is not None:
        found["mice"] = [pooled(tables) for tables in completed]
        spent["mice"] = time.monotonic() - clock
    lines = [[who, *covers(found[who], truth), f"{spent[who] / done:.2f}" if spent[who] else ""] for who in found]
    columns = ["intervals", *(f"{name}: covered, %" for name in TRUTH), "mean width", "mean bias", "processor s a table"]
    hidden = np.mean([gaps.isna().to_numpy().mean() for _, gaps in made[:done]])
    text = f"{done} tables of {ROWS} rows, {100 * hidden:.1f} % of cells hidden, {draws} draws, {HIDDEN_UNITS} hidden units."
    return f"{text}\n\n{here.table(columns, lines)}"


def pooled(tables: list[pd.DataFrame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    estimates, errors = map(np.array, zip(*map(regress, tables), strict=True))
    result = hm.pool(estimates, errors, ROWS - estimates.shape[1])
    return result.estimate, result.low, result.high


def covers(found: list[Any], truth: np.ndarray) -> list[str]:
    """How often the intervals of each coefficient hold its true value, their mean width, and the mean absolute bias."""
    estimate, low, high = map(np.array, zip(*found, strict=True))
    shares = 100 * ((low <= truth) & (truth <= high)).mean(axis=0)
    bias = np.abs(estimate.mean(axis=0) - truth).mean()
    return [*(f"{share:.1f}" for share in shares), f"{(high - low).mean():.3f}", f"{bias:.3f}"]


# ---- scores of draws


def energy_score(truth: np.ndarray, draws: np.ndarray) -> float:
    """E |X - x| - E |X - X'| / 2 of `truth [N]` and `draws [m, N]`, X' being another draw; of single numbers it is the CRPS."""
    between = np.linalg.norm(draws[:, None] - draws, axis=2).sum() / (len(draws) * (len(draws) - 1))
    return float(np.linalg.norm(draws - truth, axis=1).mean() - between / 2)


def hide(schema: Schema, rows: np.ndarray, how: str, seed: int) -> np.ndarray:
    """Which cells of each column are hidden, `[rows, columns]`: a fifth, at random, given the next column, or given their own
    value."""
    random = np.random.default_rng(seed)
    names = list(schema.column_slices)
    place = np.stack([rank(rows[:, here]) for here in schema.column_slices.values()], axis=1)
    if how == "at random":
        chance = np.full((len(rows), len(names)), HIDDEN)
    elif how == "given another column":
        # Half of the columns are complete and decide on the gaps of the others.
        decides = np.arange(len(names)) % 2 == 0
        chance = np.where(decides, 0, 2 * HIDDEN * 2 * np.roll(place, 1, axis=1))
    else:
        chance = 2 * HIDDEN * place
    return (random.random(chance.shape) < chance) & ~np.isnan(rows[:, [here.start for here in schema.column_slices.values()]])


def rank(columns: np.ndarray) -> np.ndarray:
    """The rank of each row's value in a column, from 0 to 1; of one-hot columns by the frequency of the value."""
    if columns.shape[1] > 1:
        columns = (columns * columns.sum(axis=0)).sum(axis=1, keepdims=True)
    return pd.Series(columns[:, 0]).rank(pct=True).fillna(0.5).to_numpy()


def survey_tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """Survey tables that statsmodels ships, of some hundred rows."""
    if not find_spec("statsmodels"):
        return
    from statsmodels.datasets import anes96, ccard, fair, modechoice, randhie

    for source in (anes96, fair, modechoice, ccard, randhie):
        table = source.load_pandas().data
        yield source.__name__.rsplit(".", 1)[-1], table.sample(min(len(table), 600), random_state=0).reset_index(drop=True)


def scores(draws: int, only: tuple[str, ...], gaps: tuple[str, ...]) -> str:
    lines = []
    for name, table in survey_tables():
        if only and name not in only:
            continue
        known = from_native(table)
        schema = infer(known, bins=False)
        rows = schema.encode(known)
        names = list(schema.column_slices)
        categories = [column.name for column in schema.columns if column.kind != "real"]
        for how in gaps:
            gone = hide(schema, rows, how, seed=0)
            with_gaps = table[names].astype(object).mask(pd.DataFrame(gone, columns=names))
            for column in names:
                if column not in categories:
                    with_gaps[column] = with_gaps[column].astype(float)
            completed: dict[str, Any] = {}
            clock = time.process_time()
            rbm, own = fit(with_gaps, HIDDEN_UNITS, UPDATES, 0, schema)
            fitted = time.process_time() - clock
            for who, refit in (("draws, one model", False), ("draws, refitted models", True)):
                clock = time.process_time()
                tables = hm.tabular.impute(rbm, own, with_gaps, draws, refit=refit, seed=1).draws
                completed[who] = tables, fitted + time.process_time() - clock
            for_r = with_gaps.copy()
            for column in categories:
                for_r[column] = for_r[column].map(lambda cell: f"v{cell}", na_action="ignore")
            clock = time.monotonic()
            try:
                found = by_mice([for_r], draws)
            except subprocess.CalledProcessError as error:
                print("mice:", error.stderr.decode()[-300:], flush=True)
                found = None
            if found is not None:
                tables = [one.assign(**{c: one[c].astype(str).str[1:] for c in categories}) for one in found[0]]
                completed["mice"] = tables, time.monotonic() - clock
            for who, (tables, seconds) in completed.items():
                try:
                    encoded = np.stack([schema.encode(from_native(one), "missing") for one in tables])
                except (hm.InputError, ValueError) as error:
                    print(who, error, flush=True)
                    continue
                lines.append([f"{name}, {how}", who, *judge(schema, rows, gone, np.nan_to_num(encoded)), f"{seconds:.1f}"])
                print(*lines[-1], flush=True)
    columns = ["table, gaps", "", "energy score", "CRPS of real cells", "log score of others", "seconds"]
    return here.table(columns, lines)


def judge(schema: Schema, rows: np.ndarray, gone: np.ndarray, draws: np.ndarray) -> list[str]:
    """The mean energy score of the hidden cells of a row, the CRPS of real ones in deviations, and the log score of others."""
    scale = np.concatenate([np.full(c.width, np.sqrt(0.5) if c.one_hot else 1.0) for c in schema.model_columns])
    spread = np.repeat(gone, [column.width for column in schema.model_columns], axis=1)
    energy = [
        energy_score(rows[row, spread[row]] * scale[spread[row]], draws[:, row, spread[row]] * scale[spread[row]])
        for row in np.flatnonzero(gone.any(axis=1))
    ]
    real, log = [], []
    for number, (column, here_) in enumerate(zip(schema.model_columns, schema.column_slices.values(), strict=True)):
        for row in np.flatnonzero(gone[:, number]):
            own = draws[:, row, here_]
            if column.kind == "real":
                real.append(energy_score(rows[row, here_], own))
            else:
                hits = (own == rows[row, here_]).all(axis=1).sum()
                log.append(np.log((hits + 1) / (len(own) + len(column.levels))))
    return [f"{np.mean(each):.4f}" if each else "" for each in (energy, real, log)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=60, help="after which no further table is begun")
    parser.add_argument("--only", nargs="+", choices=("coverage", "scores"), default=("coverage", "scores"))
    parser.add_argument("--names", nargs="+", default=(), help="of the tables of `scores`")
    parser.add_argument("--gaps", nargs="+", choices=GAPS, default=GAPS)
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    given = parser.parse_args()
    for name, title, measure in (
        ("coverage", "Intervals after multiple imputation", lambda: coverage(given.tables, given.draws, 60 * given.minutes)),
        ("scores", "Draws of hidden cells", lambda: scores(2 * given.draws, tuple(given.names), tuple(given.gaps))),
    ):
        if name in given.only:
            here.finish("benchmarks.multiple_imputation", title, "\n\n" + measure(), given.record)


if __name__ == "__main__":
    main()
