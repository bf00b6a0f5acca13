"""Every recipe in docs/how-to runs from top to bottom, with small files and budgets in place of long runs.

A block that cannot run here says so and why behind its language: `sh not run: needs Slurm`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
from surveys import write_survey
from test_readme import budgeted

import harmonium as hm
import harmonium.sklearn
from harmonium import cli

RECIPES = sorted((Path(__file__).parents[1] / "docs" / "how-to").glob("*.md"))
FENCE = re.compile(r"^```(sh|python)( not run: [^\n]+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SLOW = (
    *("anomalies", "conditional-samples", "genotypes", "images", "judging-samples", "likelihood-warnings"),
    *("multiple-imputation", "scikit-learn"),
)
UPDATES = 20
IMAGES = np.random.default_rng(0).integers(0, 2, size=(40, 16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the recipes name, and the run of the first one."""
    folder = tmp_path_factory.mktemp("recipes")
    random = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("images.npy", "rows.npy"):
            np.save(name, IMAGES)
        for name in ("survey.csv", "new.csv"):
            write_survey(Path(name), answers="abcde")
        columns = {
            "weighted.csv": {"a": random.integers(2, size=60), "weight": random.integers(1, 5, size=60)},
            "visits.csv": {"income": random.lognormal(3, 1, size=250).round(1), "visits": random.poisson(3, size=250)},
            "genotypes.csv": {f"rs{n}": random.integers(3, size=60) for n in range(4)},
        }
        for name, table in columns.items():
            lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
            Path(name).write_text("\n".join(lines) + "\n")
        with h5py.File("rbms.h5", "w") as archive:
            archive["model_type"] = "BBRBM"
            for update, shift in ((1, 1.0), (10, 0.0)):
                for part, shape in (("weight_matrix", (16, 3)), ("vbias", 16), ("hbias", 3)):
                    archive[f"update_{update}/params/{part}"] = np.full(shape, shift)
        for data in ("survey.csv", "images.npy"):
            assert cli.run(budgeted(["train", data, *(["--ignore", "id"] if data == "survey.csv" else [])])) == 0
    return folder


@pytest.fixture
def small_budgets(monkeypatch):
    """Training ends after some updates, whatever a recipe asks for."""
    fit = hm.fit
    monkeypatch.setattr(
        hm, "fit", lambda *given, **settings: fit(*given, **settings | ({} if "resume" in settings else {"updates": UPDATES}))
    )
    for name in harmonium.sklearn.__all__:
        if (estimator := getattr(harmonium.sklearn, name)).__class__ is type and name.startswith("RBM"):
            whole = estimator.fit
            monkeypatch.setattr(estimator, "fit", lambda self, *x, whole=whole: whole(self.set_params(n_iter=1), *x))


@pytest.mark.parametrize(
    "recipe", [pytest.param(recipe, id=recipe.stem, marks=[pytest.mark.slow] * (recipe.stem in SLOW)) for recipe in RECIPES]
)
def test_a_recipe_runs_from_top_to_bottom(recipe, folder, small_budgets, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for language, not_run, block in FENCE.findall(recipe.read_text()):
        if not_run:
            continue
        if language == "python":
            exec(compile(block, f"{recipe.name}: {block.splitlines()[0]}", "exec"), names)
            continue
        for line in block.splitlines():
            words = shlex.split(line)
            assert words[0] == "harmonium", f"{recipe.name}: say why {line!r} is not run"
            if words[1] == "lab" or "--resume" in words:  # one serves until it is stopped, the other needs an interrupted run
                continue
            arguments = [*budgeted(words[1:]), *(["--overwrite"] if "--out" in words else [])]
            assert cli.run(arguments) == 0, f"{recipe.name}: {line}\n{capsys.readouterr().err}"
            assert capsys.readouterr().out.strip()


def test_every_block_is_a_block_that_runs_or_says_why_not():
    for recipe in RECIPES:
        opened = re.findall(r"^```(?!\{|text)\S.*$", recipe.read_text(), re.MULTILINE)
        assert len(opened) == len(FENCE.findall(recipe.read_text())), recipe.name


def test_a_model_from_an_archive_of_rbms_is_that_of_its_last_update(folder, tmp_path, monkeypatch):
    """The oracle is what the fixture writes, in the layout of rbms 0.5 (`rbms.io.save_model`)."""
    (tmp_path / "rbms.h5").write_bytes((folder / "rbms.h5").read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (block,) = [block for _, _, block in FENCE.findall((RECIPES[0].parent / "rbms-files.md").read_text()) if "h5py" in block]
    exec(block, names)
    assert not np.any(names["rbm"].weights)
    assert names["rbm"].weights.shape == (16, 3)
