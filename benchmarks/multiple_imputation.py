"""Multiple imputation: do pooled intervals cover, and how good are draws of hidden cells, beside R's mice.

    python -m benchmarks --only intervals draws [--tables 500] [--record]

`intervals` draws tables of y = 1 + 0.5 x - 0.7 w + 0.4 z + 0.6 b + noise, with x, w, z correlated normal and b binary, and
hides 30 % of all cells, given z, which is complete, or given their own value. The regression is estimated in each completed
table and pooled by Rubin's rules. `draws` hides cells of survey tables, at random, given another column, or given their own
value, and judges draws of the hidden cells of each row by the energy score, of all cells, of numbers and of others, and of
others by the log score of the fractions of the draws too (a count added to each value); the model's own log score needs no
draws. mice (`apt-get install r-cran-mice r-cran-nnet`) takes part where Rscript is, in `draws` twice: with columns of few
values as factors, and with all numbers as numbers, as R reads them.

References: T. Gneiting and A. Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102 (2007); S. van
Buuren and K. Groothuis-Oudshoorn, "mice: multivariate imputation by chained equations in R", J. Stat. Softw. 45 (2011).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
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

ROWS, HIDDEN_UNITS, UPDATES, DRAWS = 250, 4, 500, 5
TRUTH = {"(intercept)": 1.0, "x": 0.5, "w": -0.7, "z": 0.4, "b": 0.6}
FRACTION, HIDDEN = 0.3, 0.2
SURVEY_ROWS, SURVEY_HIDDEN_UNITS, SURVEY_UPDATES, SURVEY_DRAWS = 300, 6, 1500, 10
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
            completed.append([long[first : first + len(table)].copy() for first in range(0, len(long), len(table))])
    return completed


def time_of_r() -> float:
    """Seconds of processor time that processes begun here have taken."""
    times = os.times()
    return times.children_user + times.children_system


def fit(table: pd.DataFrame, hidden: int, seed: int, like: Schema | None = None, **settings: Any) -> tuple[hm.RBM, Schema]:
    """A model of the table, and its schema, with the levels of another one."""
    columns = like.columns if like else ()
    levels = {c.name: {"kind": c.kind, "levels": list(c.levels)} for c in columns if not c.is_number}
    schema = infer(from_native(table), levels)
    rows = hm.tabular.encode(schema, table)
    start = hm.initialize(rows, hidden, hm.tabular.units_of(schema), seed=seed)
    return hm.fit(start, rows, seed=seed, **settings), schema


# ---- intervals


def draw_table(seed: int, given_own: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table, and the same with gaps: 30 % of all cells, of the columns but z, given z or given their own value."""
    random = np.random.default_rng([7, seed])
    correlated = np.linalg.cholesky(0.4 + 0.6 * np.eye(3))
    x, w, z = correlated @ random.standard_normal((3, ROWS))
    b = (random.random(ROWS) < 1 / (1 + np.exp(-x))).astype(float)
    y = TRUTH["(intercept)"] + 0.5 * x - 0.7 * w + 0.4 * z + 0.6 * b + random.standard_normal(ROWS)
    table = pd.DataFrame({"y": y, "x": x, "w": w, "z": z, "b": np.where(b == 1, "yes", "no")})
    gaps = table.copy()
    share = FRACTION * len(table.columns) / (len(table.columns) - 1)
    for name, own in (("y", (y - y.mean()) / y.std()), ("x", x), ("w", w), ("b", 2 * b - 1)):
        odds = np.exp(0.8 * (own if given_own else z) + np.log(share / (1 - share)))
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


def intervals(count: int = 500, minutes: float | None = None) -> str:
    """Of so many tables with gaps at random, and of a fifth as many with gaps that depend on what they hide.

    Args:
        minutes: after which no further table is begun, shared likewise.
    """
    seconds = np.inf if minutes is None else 60 * minutes
    return "\n\n".join([coverage(count, False, seconds / 1.2), coverage(-(-count // 5), True, seconds / 6)])


def coverage(count: int, given_own: bool, seconds: float) -> str:
    truth = np.array(list(TRUTH.values()))
    made = [draw_table(seed, given_own) for seed in range(count)]
    found: dict[str, list[Any]] = {}
    spent = {"draws": 0.0}
    begun = time.monotonic()
    for seed, (table, gaps) in enumerate(made):
        clock = time.process_time()
        rbm, schema = fit(gaps, HIDDEN_UNITS, seed, updates=UPDATES, measure=False)
        completed = hm.tabular.impute(rbm, schema, gaps, DRAWS, refit=True, seed=seed).draws
        spent["draws"] += time.process_time() - clock
        found.setdefault("draws", []).append(pooled(completed))
        for who, whole in (("no gaps", table), ("complete rows", gaps.dropna())):
            estimate, error = regress(whole)
            width = hm.pool([estimate] * 2, [error] * 2, len(whole) - len(truth))
            found.setdefault(who, []).append((estimate, width.low, width.high))
        if seed % 25 == 24:
            print(seed + 1, *(f"{who} {covers(found[who], truth)}" for who in found), sep="\n", flush=True)
        if time.monotonic() - begun > seconds:
            break
    made = made[: seed + 1]
    clock = time_of_r()
    by_r = by_mice([gaps for _, gaps in made], DRAWS)
    if by_r is not None:
        found["mice"] = [pooled(tables) for tables in by_r]
        spent["mice"] = time_of_r() - clock
    lines = [[who, *covers(found[who], truth), f"{spent[who] / len(made):.2f}" if who in spent else ""] for who in found]
    columns = ["intervals", *(f"{name}: covered, %" for name in TRUTH), "mean width", "mean bias", "processor s a table"]
    hidden = np.mean([gaps.isna().to_numpy().mean() for _, gaps in made])
    how = "given their own value" if given_own else "given z"
    text = f"{len(made)} tables of {ROWS} rows, {100 * hidden:.1f} % of cells hidden, {how}; {DRAWS} draws."
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


def hide(table: pd.DataFrame, how: str) -> pd.DataFrame:
    """The table with a fifth of its cells hidden, at random, given the column before, or given their own value."""
    random = np.random.default_rng(0)
    place = table.rank(pct=True).to_numpy()
    if how == "at random":
        chance = np.full(table.shape, HIDDEN)
    elif how == "given another column":
        # Half of the columns are complete and decide on the gaps of the others.
        chance = np.where(np.arange(table.shape[1]) % 2 == 0, 0, 4 * HIDDEN * np.roll(place, 1, axis=1))
    else:
        chance = 2 * HIDDEN * place
    return table.mask(random.random(table.shape) < chance)


def survey_tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """Survey tables that statsmodels ships, of some hundred rows."""
    if not find_spec("statsmodels"):
        return
    from statsmodels.datasets import anes96, ccard, fair, modechoice, randhie

    for source in (anes96, fair, modechoice, ccard, randhie):
        table = source.load_pandas().data
        some = table.sample(min(len(table), SURVEY_ROWS), random_state=0).reset_index(drop=True)
        yield source.__name__.rsplit(".", 1)[-1], some.drop(columns="individual", errors="ignore")


def draws(only: tuple[str, ...] = (), gaps: tuple[str, ...] = GAPS) -> str:
    lines = []
    for name, table in survey_tables():
        for how in gaps if not only or name in only else ():
            for line in judge(table.astype(float), how):
                lines.append([f"{name}, {how}", *line])
                print(*lines[-1], flush=True)
    of_draws = ["energy score", "less the best of mice", "of numbers", "of others", "log score of others"]
    return here.table(["table, gaps", "", *of_draws, "log score of rows", "processor seconds"], lines)


def judge(table: pd.DataFrame, how: str) -> list[list[str]]:
    """Each imputer's name, the scores of its draws of the cells that are hidden, and the processor seconds they took."""
    schema = infer(from_native(table), bins=False)
    table = table[[column.name for column in schema.columns]]
    gaps, random = hide(table, how), np.random.default_rng(0)
    clock = time.process_time()
    # As by default, with held-out rows from which it learns in the end, but without a search for other settings.
    rbm, own = fit(gaps, SURVEY_HIDDEN_UNITS, 0, schema, updates=SURVEY_UPDATES, early_stopping=1.0, refit=True)
    fitted = time.process_time() - clock
    log_score = f"{np.nanmean(hm.tabular.log_scores(rbm, own, table, gaps)):.3f}"
    found: dict[str, tuple[list[pd.DataFrame], str, str]] = {}
    for who, refit in (("draws, one model", False), ("draws, refitted models", True)):
        clock = time.process_time()
        completed = hm.tabular.impute(rbm, own, gaps, SURVEY_DRAWS, refit=refit, seed=1).draws
        found[who] = completed, "" if refit else log_score, f"{fitted + time.process_time() - clock:.1f}"
    few = [column.name for column in schema.columns if column.levels]
    for who, factors in (("mice, factors", few), ("mice, numbers", [])):
        clock = time_of_r()
        for_r = gaps.astype(dict.fromkeys(factors, object))
        for_r[factors] = for_r[factors].map(lambda cell: None if pd.isna(cell) else f"v{cell}")
        for completed in by_mice([for_r], SURVEY_DRAWS) or []:
            for each in completed:
                each[factors] = each[factors].map(lambda cell: float(cell[1:]))
            found[who] = completed, "", f"{time_of_r() - clock:.1f}"
    observed = {name: gaps[name].dropna().to_numpy() for name in gaps}
    drawn = (
        {name: pd.Series(random.choice(cells, len(gaps))) for name, cells in observed.items()} for _ in range(SURVEY_DRAWS)
    )
    found["columns by themselves"] = [gaps.fillna(each) for each in drawn], "", ""
    energy = {who: energy_of(schema, table, gaps, completed) for who, (completed, *_) in found.items()}
    best = min((each for who, each in energy.items() if who.startswith("mice")), key=np.mean, default=None)
    lines = []
    for who, (completed, *rest) in found.items():
        off = None if best is None or energy[who] is best else energy[who] - best
        less = "" if off is None else f"{off.mean():+.4f} +- {off.std(ddof=1) / np.sqrt(len(off)):.4f}"
        parts = [[column for column in schema.columns if bool(column.levels) == has_levels] for has_levels in (False, True)]
        of_parts = [energy_of(replace(schema, columns=tuple(part)), table, gaps, completed) for part in parts]
        figures = [f"{each.mean():.4f}" if len(each) else "" for each in (energy[who], *of_parts)]
        lines.append([who, figures[0], less, *figures[1:], log_score_of_levels(parts[1], table, gaps, completed), *rest])
    return lines


def energy_of(schema: Schema, table: pd.DataFrame, gaps: pd.DataFrame, completed: list[pd.DataFrame]) -> np.ndarray:
    """The energy scores of the rows with hidden cells in the columns of the schema."""
    names = [column.name for column in schema.columns]
    if not (gaps[names].isna() & table[names].notna()).any(axis=None):
        return np.empty(0)
    scores = hm.tabular.score_draws(schema, table, gaps, completed).energy
    return scores[~np.isnan(scores)]


def log_score_of_levels(
    columns: list[hm.tabular.Column], table: pd.DataFrame, gaps: pd.DataFrame, completed: list[pd.DataFrame]
) -> str:
    """The mean logarithm of the fraction of draws that have the true value, a count added to each value."""
    log = []
    for column in columns:
        hidden = (gaps[column.name].isna() & table[column.name].notna()).to_numpy()
        own = np.stack([each[column.name].to_numpy()[hidden] for each in completed])
        hits = (own == table[column.name].to_numpy()[hidden]).sum(axis=0)
        log += np.log((hits + 1) / (len(own) + len(column.levels))).tolist()
    return f"{np.mean(log):.4f}" if log else ""
