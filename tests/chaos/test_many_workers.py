"""A build by three Celery workers, while one, Redis, PostgreSQL and the store are killed: the index of an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos_table import ChaosTable, whole_form
from many_workers.deployment import Deployment
from many_workers.story import ROWS, up

pytestmark = [pytest.mark.integration, pytest.mark.chaos, whole_form]
ROOT = Path(__file__).parents[2]


def test_a_build_by_three_workers_survives_the_death_of_each_server(chaos_table: ChaosTable) -> None:
    deployment = Deployment(ROOT, ROOT / ".local" / "workers")
    with chaos_table.line("SIGKILL of a Celery worker, Redis, PostgreSQL and the S3 store, in one run", 4) as line:
        try:
            assert up(deployment, ROWS) == 0, "the table that was printed says what differs"
        finally:
            deployment.stop()
        line.result = "the run completed by itself, with the documents of an undisturbed run"
