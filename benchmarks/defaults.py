"""Whether `harmonium train DATA` is a strong result without an option: on binary sets, synthetic problems and small tables.

    pip install -e . --group bench
    python -m benchmarks.defaults sets --data FOLDER [--only NAME ...] [--minutes X]
    python -m benchmarks.defaults sweep [--grid FILE] [--only NAME ...] [--minutes X]
    python -m benchmarks.defaults tables [--grid FILE] [--only NAME ...] [--minutes X]

`sets` are nltcs, plants, adult and others, with parts of their own. `sweep` and `tables` compare the default with the best of a
grid of learning rates and penalties, whose results do not depend on the defaults: they are computed once and kept in a file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import harmonium as hm
from benchmarks import here
from benchmarks.problems import PROBLEMS, Problem

SETS = {"adult": 23, "mushrooms": 23, "digits": 20, "mnist": 500} | dict.fromkeys(
    ("nltcs", "msnbc", "plants", "baudio", "tretail", "book", "tmovie", "cwebkb", "bbc", "ad"), 100
)
"""Hidden units."""
PUBLISHED_RBMS = {"mushrooms": -15.15, "adult": -16.26, "mnist": -86.34}
LEARN_SPN = {"plants": -12.98, "baudio": -40.50, "tretail": -11.04, "book": -35.89}
LEARN_SPN |= {"tmovie": -52.49, "cwebkb": -158.2, "bbc": -250.7, "ad": -19.7}
CIRCUITS = {"nltcs": -5.99, "msnbc": -6.04, "plants": -11.99, "baudio": -39.02, "tretail": -10.82, "book": -33.67}
CIRCUITS |= {"tmovie": -49.23, "cwebkb": -147.77, "bbc": -242.83, "ad": -14.76}
"""The best exact probabilistic circuits; on the wide sets those of continuous mixtures of Chow-Liu trees (Correia et al., AAAI
2023). All published figures are as recalled, in nats."""

RATES, PENALTIES = (0.3, 0.1, 0.03, 0.01), (0.0, 1e-4, 1e-3)
MAX_SINCE_BEST, MIN_SINCE_BEST, FALL = 2.0, 500, 1e-2
"""A setting of the grid ends when its best held-out value is longer ago than this many times its updates, and this number, and
has fallen by this fraction: on the plateau at the start it may fall by less."""
ESTIMATE_SECONDS = 5.0
MAX_ROWS_KEPT = 1000
TOLERANCE = 0.02
"""Of the gap between independent units and the best of the grid."""

TABLES = ("iris", "wine", "breast_cancer", "diabetes", "fair", "anes96", "modechoice", "ccard", "statecrime", "randhie")
TABLES += ("cars", "seattle_weather")
MAX_TABLE_ROWS, TABLE_UPDATES, TEST_FRACTION = 3000, 5000, 0.2
BUSY_PROCESSES = 2


Parts = tuple[np.ndarray, np.ndarray, np.ndarray, hm.RBM]
"""Training, validation and test rows, and where training starts."""


def command(*arguments: str | Path) -> dict[str, Any]:
    """What `harmonium train ... --json` reports."""
    line = [sys.executable, "-m", "harmonium", "train", *map(str, arguments), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(line[3:])}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


# ---- binary sets with parts of their own


def sets(folder: Path, only: list[str], minutes: float | None) -> str:
    lines = []
    for name, hidden in SETS.items():
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place) / f"{part}.npy" for part in ("train", "valid", "test")]
            for file, rows in zip(files, here.binary(folder, name), strict=True):
                np.save(file, rows.astype(np.uint8))
            train, valid, test = files
            length = () if minutes is None else ("--minutes", str(minutes))
            report = command(train, "--valid", valid, "--test", test, "--hidden", str(hidden), "--out", f"{place}/run", *length)
            settings = json.loads(Path(f"{place}/run/config.json").read_text())["settings"]
        found = report["log_likelihood"]
        exact = found["lower"] == found["upper"]
        interval = "exact" if exact else f"[{found['lower']:.3f}, {found['upper']:.3f}]"
        interval += f" ({len(found['warnings'])} warnings)" if found["warnings"] else ""
        figures = [f"{found['mean']:.3f}", interval, f"{report['train']['mean']:.3f}", f"{report['baseline']:.2f}"]
        published = [f"{values[name]:.2f}" if name in values else "" for values in (PUBLISHED_RBMS, LEARN_SPN, CIRCUITS)]
        lines.append([name, f"{hidden}", *figures, *published, f"{report['updates']:,}", f"{report['updates_made']:,}"])
        lines[-1] += [f"{settings['learning_rate']:.3g}, {settings['l1']:.2g}", f"{report['seconds']:.0f}"]
        print(*lines[-1], flush=True)
    columns = ["data", "hidden", "test", "95 % interval", "training", "independent units", "best published RBM", "LearnSPN"]
    columns += ["exact circuits", "updates of the model", "updates made", "rate and l1", "seconds in all"]
    return f"Published figures as recalled.\n\n{here.table(columns, lines)}"


# ---- the grid


def grid(rbm: hm.RBM, train: np.ndarray, valid: np.ndarray, updates: int) -> Iterator[tuple[dict[str, Any], hm.RBM]]:
    """Each setting and what came of it, with the model that is best on validation rows among those at geometric steps."""
    for l1 in PENALTIES:
        for rate in RATES:
            began = time.monotonic()
            best, value, step, path = rbm, -np.inf, 0, []
            settings: dict[str, Any] = {"learning_rate": rate, "l1": l1, "updates": updates}
            measured = hm.exact.estimate_seconds(rbm) < 1
            states = hm.training.train(
                rbm,
                train,
                valid=valid,
                estimates=False,
                updates_between_states=10**9,
                early_stopping=1.0 if measured else 0.0,
                **settings,
            )
            try:
                for state in states:
                    if not measured:
                        best, step = state.rbm, state.step
                        continue
                    now = state.metrics["valid_log_likelihood"]
                    path.append((state.step, round(now, 4)))
                    if now > value:
                        best, value, step = state.rbm, now, state.step
                    ago = state.step - step
                    if ago > max(MAX_SINCE_BEST * step, MIN_SINCE_BEST) and now < value - FALL * abs(value):
                        break
            except hm.DivergenceError as error:
                print(f"rate {rate:g}, l1 {l1:g}: {error}", flush=True)
            if not measured:
                value = hm.evaluate(best, valid, seconds=ESTIMATE_SECONDS).mean
            yield settings | {"valid": value, "step": step, "seconds": time.monotonic() - began, "path": path}, best


# ---- synthetic problems


def sweep(file: Path, only: list[str], minutes: float | None, judge: bool) -> str:
    """The default beside the best of the grid, in percent of the gap between independent units and that best."""
    lines, lost, lost_to_chosen = [], [], []
    for problem in PROBLEMS:
        if only and not any(part in problem.name for part in only):
            continue
        results = grid_of(problem.name, problem.draw, problem.updates, file)
        if not judge:
            continue
        independent, runs = results["independent"], results["runs"]
        best, chosen = max(run["test"] for run in runs), max(runs, key=lambda run: run["valid"])
        value, error, updates, seconds = default(problem, minutes)
        lost.append((best - value) / (best - independent))
        lost_to_chosen.append((chosen["test"] - value) / (best - independent))
        figures = [f"{figure:.3f}" for figure in (independent, value, error, best)]
        percents = [f"{100 * share:.1f}" for share in (lost[-1], lost_to_chosen[-1])]
        setting = f"{chosen['learning_rate']:g}, {chosen['l1']:g}, {chosen['step']:,}"
        lines.append([problem.name, *figures, *percents, setting, f"{updates:,}", f"{seconds:.0f}"])
        print(*lines[-1], "(worse than independent units)" if lost[-1] > 1 else "", flush=True)
    columns = ["problem", "independent units", "default", "error", "best of the grid", "% of the gap lost", "% to the chosen"]
    columns += ["rate, l1 and updates chosen", "updates of the default's model", "seconds"]
    near, near_chosen = (sum(share <= TOLERANCE for share in shares) for shares in (lost, lost_to_chosen))
    text = f"Of {len(lines)} defaults {near} lose at most {TOLERANCE:.0%} of the gap to the grid's best on test rows, "
    text += f"{near_chosen} to the one that validation rows choose; {sum(share > 1 for share in lost)} are worse than "
    text += "independent units."
    return f"{text}\n\n{here.table(columns, lines)}"


def default(problem: Problem, minutes: float | None) -> tuple[float, float, int, float]:
    """Test log likelihood without a setting, its standard error from ln Z, the model's updates, and seconds."""
    train, valid, test, rbm = problem.draw()
    began = time.monotonic()
    length: dict[str, Any] = {} if minutes is None else {"minutes": minutes}
    *_, state = hm.training.train(rbm, train, valid=valid, **length)
    seconds = time.monotonic() - began
    found = hm.evaluate(state.rbm, test, seconds=ESTIMATE_SECONDS)
    return found.mean, (found.upper - found.lower) / 4, int(state.metrics.get("best_step", state.step)), seconds


def grid_of(name: str, draw: Callable[[], Parts], updates: int, file: Path) -> dict[str, Any]:
    """The results of the twelve settings, computed where the file has none; ln p of each test row if these are few."""
    known = json.loads(file.read_text()) if file.exists() else {}
    if name not in known:
        train, valid, test, rbm = draw()
        runs = []
        for run, model in grid(rbm, train, valid, updates):
            run["test"] = hm.evaluate(model, test, seconds=ESTIMATE_SECONDS).mean
            print(name, *(f"{key} {value:.5g}" for key, value in run.items() if key != "path"), flush=True)
            runs.append(run | ({"rows": hm.log_prob(model, test).value.tolist()} if len(test) < MAX_ROWS_KEPT else {}))
        known[name] = {"independent": hm.likelihood.base_rate_log_likelihood(rbm.visible, test), "runs": runs}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known))
    return known[name]


# ---- small real tables


def tables(file: Path, only: list[str], minutes: float | None, judge: bool) -> str:
    """The default by the command line beside the best of the grid, on the same training rows; and once more under load."""
    lines = []
    length = () if minutes is None else ("--minutes", str(minutes))
    for name in TABLES:
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory() as place:
            train, test = Path(place) / "train.csv", Path(place) / "test.csv"
            frame = table_frame(name)
            if len(frame) > MAX_TABLE_ROWS:
                frame = frame.sample(MAX_TABLE_ROWS, random_state=0)
            is_test = np.random.default_rng(0).permutation(len(frame)) < TEST_FRACTION * len(frame)
            frame[~is_test].to_csv(train, index=False)
            frame[is_test].to_csv(test, index=False)
            dataset = hm.data.load_columns(train, hold_out=("valid",)).replace_part("test", test)
            assert dataset.schema is not None
            rbm = hm.initialize(dataset.train, 20, hm.tabular.units_of(dataset.schema))
            parts = dataset.train, dataset.valid, dataset.test, rbm
            results = grid_of(f"table-{name}-{dataset.train.shape[1]}", lambda parts=parts: parts, TABLE_UPDATES, file)  # type: ignore[misc]
            if not judge:
                continue
            best = np.array(max(results["runs"], key=lambda run: run["test"])["rows"])
            report = command(train, "--test", test, "--out", f"{place}/run", *length)
            with busy():
                loaded = command(train, "--test", test, "--out", f"{place}/loaded", *length)
            lead = hm.log_prob(hm.load(f"{place}/run/model.safetensors"), dataset.test).value - best
            best = best + dataset.log_density.get("test", 0.0)
        gain = report["gain"]
        ahead, behind = gain["mean"] / gain["standard_error"], lead.mean() / (lead.std(ddof=1) / np.sqrt(len(lead)))
        same = report["updates"] == loaded["updates"] and report["log_likelihood"]["mean"] == loaded["log_likelihood"]["mean"]
        size = f"{len(frame)} x {frame.shape[1]}"
        figures = [f"{figure:.3f}" for figure in (report["baseline"], report["log_likelihood"]["mean"], best.mean())]
        lines.append(
            [name, size, *figures, f"{ahead:.1f}", f"{behind:.1f}", f"{report['updates']:,}", f"{report['seconds']:.0f}"]
        )
        lines[-1] += [f"{loaded['updates']:,}", f"{loaded['seconds']:.0f}", "yes" if same else "NO"]
        print(*lines[-1], flush=True)
    columns = ["table", "rows x columns", "independent columns", "default", "best of the grid"]
    columns += ["standard errors ahead of independent columns", "of the grid's best", "updates of the model", "seconds"]
    columns += ["updates under load", "seconds under load", "same model"]
    return here.table(columns, lines)


def table_frame(name: str) -> Any:
    """A pandas frame of a table that scikit-learn, statsmodels or vega_datasets ship."""
    from importlib import import_module

    from sklearn import datasets

    if name in ("iris", "wine", "breast_cancer"):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        return bunch.data.assign(kind=bunch.target_names[bunch.target])
    if name == "diabetes":
        return datasets.load_diabetes(as_frame=True, scaled=False).frame
    if name in ("cars", "seattle_weather"):
        from vega_datasets import local_data

        return getattr(local_data, name)()
    return import_module(f"statsmodels.datasets.{name}").load_pandas().data.reset_index(drop=True)


@contextmanager
def busy() -> Iterator[None]:
    """Processes that compute beside what runs within."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY_PROCESSES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("sets", "sweep", "tables"))
    parser.add_argument("--data", type=Path, help="the folder of the sets")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of sets, tables, or parts of problems' names")
    parser.add_argument("--minutes", type=float, help="of the default; by default its own")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "harmonium" / "grid.json"
    parser.add_argument("--grid", type=Path, default=cache, metavar="FILE", help="of the grid's results")
    parser.add_argument("--grid-only", action="store_true", help="compute the grid and judge no default")
    parser.add_argument("--record", action="store_true", help="append the table to RESULTS.md")
    given = parser.parse_args()
    if given.part == "sets" and given.data is None:
        parser.error("sets needs --data FOLDER")
    parts: dict[str, tuple[str, Callable[[], str]]] = {
        "sets": ("No option but the number of hidden units", lambda: sets(given.data, given.only, given.minutes)),
        "sweep": ("Thirty synthetic problems", lambda: sweep(given.grid, given.only, given.minutes, not given.grid_only)),
        "tables": ("Small real tables", lambda: tables(given.grid, given.only, given.minutes, not given.grid_only)),
    }
    title, measure = parts[given.part]
    warnings.simplefilter("ignore", hm.NoGainWarning)
    text = measure()
    if not given.grid_only:
        here.finish("benchmarks.defaults", title, "\n\n" + text, given.record)


if __name__ == "__main__":
    main()
