"""Many reads at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sparse_index.console.readers import READERS, read_each

ROOT = Path(__file__).parents[3]

HANGS = """
import threading
from sparse_index.console.readers import read_each
threading.Thread(target=read_each, args=(lambda _: threading.Event().wait(), [1, 2]), daemon=True).start()
"""


def test_answers_come_in_their_order_and_an_error_is_raised() -> None:
    assert read_each(str, range(50)) == [str(number) for number in range(50)]
    assert read_each(str, []) == []
    with pytest.raises(ZeroDivisionError):
        read_each(lambda number: 1 // number, [1, 0])


def test_so_many_read_at_a_time_and_no_more() -> None:
    together = threading.Barrier(READERS)
    reading = threading.Semaphore(READERS)

    def read(_: int) -> int:
        assert reading.acquire(blocking=False)
        together.wait(60)
        reading.release()
        return 0

    assert read_each(read, range(2 * READERS)) == [0] * 2 * READERS


def test_what_hangs_for_ever_keeps_no_process_from_its_end() -> None:
    environment = {"PYTHONPATH": str(ROOT / "include")}
    subprocess.run([sys.executable, "-c", HANGS], env=environment, check=True, timeout=60)
