"""A process's place among several, as options and a cluster's environment say it."""

from __future__ import annotations

import argparse

import pytest

from harmonium.cli import cluster
from harmonium.cli.cluster import Place, place_of
from harmonium.errors import InputError

SLURM = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NODELIST": "node[1-8]", "SLURM_NTASKS": "8"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "2", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def options(processes=None, coordinator=None, process_id=None, process_count=None):
    given = {"processes": processes, "coordinator": coordinator, "process_id": process_id, "process_count": process_count}
    return argparse.Namespace(**given)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_NTASKS": "8", "SLURM_JOB_ID": "1"},  # in a job, but not started by srun
        SLURM | {"SLURM_STEP_NUM_TASKS": "1"},
        OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "1"},
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},  # a pod that is no index of a job
        {"JOB_COMPLETION_INDEX": "2"},
    ],
)
def test_a_process_that_nobody_started_beside_others_works_alone(environment):
    assert place_of(options(), environment) is None


@pytest.mark.parametrize("environment", [SLURM, OPEN_MPI | {"OMPI_MCA_orte_hnp_uri": "1.0;tcp://10.0.0.1:1"}])
def test_where_a_cluster_says_it_all_jax_is_left_to_find_it(environment):
    assert place_of(options(), environment) == Place(None, None, None)


@pytest.mark.parametrize("environment", [SLURM, OPEN_MPI, KUBERNETES])
def test_one_process_is_alone_if_it_is_told_so(environment):
    assert place_of(options(processes=1), environment) is None


def test_what_is_told_goes_before_what_a_cluster_says():
    at = "10.0.0.7:4000"
    assert place_of(options(coordinator=at), SLURM) == Place(at, 3, 8)
    assert place_of(options(coordinator=at), OPEN_MPI) == Place(at, 1, 4)
    assert place_of(options(coordinator=at, process_id=0), SLURM) == Place(at, 0, 8)
    assert place_of(options(coordinator=at, process_count=5), KUBERNETES) == Place(at, 2, 5)
    assert place_of(options(coordinator=at, process_id=1, process_count=2), {}) == Place(at, 1, 2)


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(InputError, match="this Open MPI does not say where its first process runs: give --coordinator"):
        place_of(options(), OPEN_MPI)
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="jax\\[k8s\\]"):
        place_of(options(), KUBERNETES)
    with pytest.raises(InputError, match="give --process-count too"):
        place_of(options(coordinator="10.0.0.7:4000"), KUBERNETES)
