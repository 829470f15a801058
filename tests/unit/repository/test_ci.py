"""CI on a machine with a browser, and on one without: what is not run there is said, and turns nothing red."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from browsed import PROGRAMS, REQUIRED_VARIABLE

CI = Path(__file__).parents[3] / ".ci" / "run"
NEWEST_AIRFLOW = CI.with_name("newest-airflow")
# Whatever is asked of it: a `make` that makes the environment, whose pip says what is installed.
MAKE_ENVIRONMENT = """
venv="${1#VENV=}"; echo "make $2"; mkdir -p "$venv/bin"
printf '#!/bin/sh\\necho "apache-airflow: $*"\\n' > "$venv/bin/pip"; chmod +x "$venv/bin/pip"
"""
MAKE = f'echo "make $1: ${{{REQUIRED_VARIABLE}:-}}"; [ "$1" != "$BROKEN" ]'
WHOLE_FORM = "NOT RUN: the whole form of tests/chaos and tests/dags/live; .ci/chaos runs it."
INSTALLS = 'case "$*" in *install*) echo > "${0%/*}/chromium"; chmod +x "${0%/*}/chromium";; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs, the only ones of that machine: somebody's root, a `make` that says what it was given."""
    for name in ("bash", "dirname", "timeout", "chmod"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    add(tmp_path, "id", "echo 0")
    add(tmp_path, "make", MAKE)
    return tmp_path


def add(machine: Path, name: str, script: str) -> None:
    (machine / name).write_text(f"#!{machine}/bash\n{script}\n")
    (machine / name).chmod(0o755)


def ci(machine: Path, broken: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine), "BROKEN": broken}
    return subprocess.run([CI], env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_a_browser_is_none_of_its_tests_may_be_skipped(machine: Path, program: str) -> None:
    add(machine, program, "exit 1")
    done = ci(machine)
    assert (done.returncode, done.stderr.splitlines()) == (0, [WHOLE_FORM])
    assert done.stdout.splitlines() == [
        f"make {target}: required" for target in ("lint", "types", "test", "bench-quick")
    ]


def test_a_browser_that_could_be_installed_is_used(machine: Path) -> None:
    add(machine, "apt-get", INSTALLS)
    done = ci(machine)
    assert (done.returncode, done.stderr.splitlines()) == (0, [WHOLE_FORM])
    assert "make test: required" in done.stdout


@pytest.mark.parametrize("apt", [None, "exit 100"])
@pytest.mark.parametrize(
    ("broken", "status", "made"),
    [("", 0, ["lint", "types", "test", "bench-quick"]), ("test", 1, ["lint", "types", "test"])],
)
def test_without_one_the_rest_decides_and_what_was_not_run_is_said_twice(
    machine: Path, apt: str | None, broken: str, status: int, made: list[str]
) -> None:
    if apt is not None:
        add(machine, "apt-get", apt)
    done = ci(machine, broken)
    assert done.returncode == status
    assert done.stdout.splitlines() == [f"make {target}: " for target in made]
    first, whole_form, last = done.stderr.splitlines()
    assert (first, whole_form) == (last, WHOLE_FORM)
    assert first.startswith(f"NOT RUN: tests/browser. None of {' '.join(PROGRAMS)} is here")


def test_a_minor_version_of_airflow_that_no_page_names_can_be_tried(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(NEWEST_AIRFLOW, tmp_path / ".ci")
    (tmp_path / "make").write_text(f"#!/bin/sh{MAKE_ENVIRONMENT}")
    (tmp_path / "make").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AIRFLOW_MINORS": "3.98 3.99"}
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert [line for line in done.stdout.splitlines() if "freeze" not in line] == [
        line
        for minor in ("3.98", "3.99")
        for line in (
            f"make .local/airflow-{minor}/installed",
            f"apache-airflow: install --quiet --upgrade apache-airflow=={minor}.*",
            "make test",
        )
    ]
