"""Whether the defaults win on data that they were not chosen by: wide binary sets, synthetic problems, small real tables.

    python -m benchmarks.defaults sweep [--grid FILE] [--only NAME ...] [--minutes X]

`sweep` compares the default with the best of twelve settings. These are the same in every version, so their results are kept
in the file of `--grid` and computed once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np

import harmonium as hm
from benchmarks import here
from benchmarks.problems import PROBLEMS, Problem

RATES, PENALTIES = (0.3, 0.1, 0.03, 0.01), (0.0, 3e-4, 3e-3)
LONGEST_FALL = 2.0
"""A setting of the grid ends when its best held-out value is longer ago than this many times its updates ..."""
LEAST_FALL = 500
"""... and this many updates."""
ESTIMATE_SECONDS = 5.0
TOLERANCE = 0.02
"""Of the gap between independent units and the best of the grid."""


# ---- synthetic problems


def sweep(file: Path, only: list[str], minutes: float | None) -> str:
    """The default beside the best of the grid, in percent of the gap between independent units and that best."""
    problems = [problem for problem in PROBLEMS if not only or any(part in problem.name for part in only)]
    lines, lost, lost_by_choice = [], [], []
    for problem in problems:
        grid = grid_of(problem, file)
        best = max(run["test"] for run in grid["runs"])
        chosen = max(grid["runs"], key=lambda run: run["valid"])
        value, error, updates, seconds = default(problem, minutes)
        gap = best - grid["independent"]
        lost.append((best - value) / gap)
        lost_by_choice.append((chosen["test"] - value) / gap)
        figures = [grid["independent"], value, error, best]
        setting = f"{chosen['learning_rate']:g}, {chosen['l1']:g}"
        percents = [f"{100 * share:.1f}" for share in (lost[-1], lost_by_choice[-1])]
        worse = value < grid["independent"]
        texts = [*(f"{figure:.3f}" for figure in figures), setting, *percents, f"{updates:,}", f"{seconds:.0f}"]
        lines.append([problem.name, *texts])
        print(*lines[-1], "WORSE THAN INDEPENDENT" if worse else "", flush=True)
    within = [sum(share <= TOLERANCE for share in shares) for shares in (lost, lost_by_choice)]
    worse_count = sum(share > 1 for share in lost)
    columns = ["problem", "independent units", "default", "error", "best of the grid", "its rate and l1 on validation rows"]
    columns += ["% of the gap lost to the best", "to that chosen on validation rows", "updates", "seconds"]
    text = f"{within[0]} of {len(problems)} within {TOLERANCE:.0%} of the best of the grid, {within[1]} of the one that "
    text += f"validation rows choose; {worse_count} worse than independent units."
    return f"{text}\n\n{here.table(columns, lines)}"


def default(problem: Problem, minutes: float | None) -> tuple[float, float, int, float]:
    """Test log likelihood without a setting, its standard error from ln Z, updates made, seconds."""
    train, valid, test, rbm = problem.draw()
    began = time.monotonic()
    length = {"updates": problem.updates} if minutes is None else {"minutes": minutes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for state in hm.training.train(rbm, train, valid=valid, **length):  # noqa: B007 the last one counts
            pass
    seconds = time.monotonic() - began
    value, error = log_likelihood(state.rbm, test)
    return value, error, int(state.metrics.get("best_step", state.step)), seconds


def grid_of(problem: Problem, file: Path) -> dict:
    """The results of the twelve settings, computed where the file has none."""
    results = json.loads(file.read_text()) if file.exists() else {}
    if problem.name not in results:
        train, valid, test, rbm = problem.draw()
        runs = [one(problem, rbm, train, valid, test, rate, l1) for l1 in PENALTIES for rate in RATES]
        independent = hm.likelihood.base_rate_log_likelihood(rbm.visible, test)
        results = json.loads(file.read_text()) if file.exists() else {}
        results[problem.name] = {"independent": independent, "updates": problem.updates, "runs": runs}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results, indent=1))
    return results[problem.name]


def one(problem: Problem, rbm: hm.RBM, train: np.ndarray, valid: np.ndarray, test: np.ndarray, rate: float, l1: float) -> dict:
    """One setting of the grid: the model that is best on validation rows, among those at geometric steps."""
    began = time.monotonic()
    best, best_value, at, path = rbm, -np.inf, 0, []
    exact = hm.exact.estimate_seconds(rbm) < 1
    settings = {"learning_rate": rate, "l1": l1, "updates": problem.updates, "early_stopping": 1.0 if exact else 0.0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for state in hm.training.train(rbm, train, valid=valid, estimates=False, updates_between_states=10**9, **settings):
                if not exact:
                    best, at = state.rbm, state.step
                    continue
                value = state.metrics["valid_log_likelihood"]
                path.append((state.step, round(value, 4)))
                if value > best_value:
                    best, best_value, at = state.rbm, value, state.step
                if state.step - at > max(LONGEST_FALL * at, LEAST_FALL):
                    break
    except hm.DivergenceError as error:
        print(problem.name, rate, l1, error, flush=True)
    if not exact:
        best_value = log_likelihood(best, valid)[0]
    value, _ = log_likelihood(best, test)
    seconds = time.monotonic() - began
    print(
        f"{problem.name} rate {rate:g} l1 {l1:g}: {best_value:.3f}, test {value:.3f}, {at:,} updates, {seconds:.1f} s",
        flush=True,
    )
    return {"learning_rate": rate, "l1": l1, "valid": best_value, "test": value, "step": at, "seconds": seconds, "path": path}


def log_likelihood(rbm: hm.RBM, rows: np.ndarray) -> tuple[float, float]:
    found = hm.evaluate(rbm, rows, seconds=ESTIMATE_SECONDS)
    return found.mean, (found.upper - found.lower) / 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("sweep",))
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "harmonium" / "grid.json"
    parser.add_argument("--grid", type=Path, default=cache, help="the file of the grid's results")
    parser.add_argument("--grid-only", action="store_true", help="compute the grid, and judge no default")
    parser.add_argument("--only", nargs="+", default=[], help="problems whose names hold one of these")
    parser.add_argument("--minutes", type=float, help="of the default run, instead of the grid's updates")
    parser.add_argument("--record", action="store_true", help="append the tables to RESULTS.md")
    given = parser.parse_args()
    if given.grid_only:
        for problem in PROBLEMS:
            if not given.only or any(part in problem.name for part in given.only):
                grid_of(problem, given.grid)
        return
    text = sweep(given.grid, given.only, given.minutes)
    here.finish("benchmarks.defaults", "The default beside a grid", "\n\n" + text, given.record)


if __name__ == "__main__":
    main()
