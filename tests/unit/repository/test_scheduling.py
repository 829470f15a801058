"""One worker runs all tests of the server with security, which starts once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheduling import SECURE, work_unit

TESTS = Path(__file__).parents[2]
NEEDS_SECURITY = re.compile(r"\b(secure_server|secure_cluster|mark\.secure)\b")


@pytest.mark.parametrize(
    ("file", "unit"),
    [
        ("tests/dags/test_secure_day.py", SECURE),
        ("tests/integration/test_search_secure.py", SECURE),
        ("tests/integration/test_gate.py", "tests/integration/test_gate.py"),
    ],
)
def test_what_one_worker_runs(file: str, unit: str) -> None:
    assert work_unit(file) == unit


def test_every_file_that_needs_security_says_so_in_its_name() -> None:
    needing = [path for path in TESTS.rglob("test_*.py") if NEEDS_SECURITY.search(path.read_text())]
    others = [path.name for path in needing if work_unit(path.name) != SECURE and path != Path(__file__)]
    assert others == []
    assert len(needing) > 5
