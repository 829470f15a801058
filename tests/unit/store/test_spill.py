"""What a task spills beside a store that is no folder: it goes with the task, or with the next one of the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sparse_index.store.files import Store
from sparse_index.store.spill import spill_folder

INCLUDE = Path(__file__).parents[3] / "include"
SPILLS = """
import sys
from sparse_index.store.files import Store
from sparse_index.store.spill import spill_folder
with spill_folder(Store("memory://bucket")) as spill:
    (spill / "large").write_bytes(b"much")
    print(spill, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of a worker."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@contextmanager
def spilling() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another task of the worker that spills, and where."""
    command = [sys.executable, "-c", SPILLS]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(INCLUDE)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as task:
        assert task.stdout is not None
        yield task, Path(task.stdout.readline().strip())
        task.kill()


def test_what_a_killed_task_spilled_goes_with_the_next(temporary: Path) -> None:
    with spilling() as (task, folder):
        assert folder.parent == temporary
        task.kill()
        assert task.wait(60) == -signal.SIGKILL
    assert (folder / "large").exists()
    with spill_folder(Store("memory://bucket")) as spill:
        assert list(temporary.iterdir()) == [spill]
    assert list(temporary.iterdir()) == []


def test_what_a_task_that_lives_spilled_stays_and_so_does_what_is_nobody_s(temporary: Path) -> None:
    others = temporary / ".spill-others.tmp"
    others.mkdir()
    with spilling() as (_, folder):
        with spill_folder(Store("memory://bucket")):
            pass
        assert (folder / "large").exists()
    assert others.exists()


def test_a_file_on_its_way_to_a_store_goes_so_too(temporary: Path) -> None:
    with spilling() as (task, folder):
        task.kill()
        task.wait(60)
    with Store("memory://bucket").writing("a/b.bin") as local:
        assert local.parent.parent == temporary
        assert not folder.exists()
        local.write_bytes(b"b")
    assert list(temporary.iterdir()) == []
