from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Semaphore

import pytest

from sparse_index.builds.sign_of_life import SIGN, Sign, is_living, process_start, sign_of_life, this_host
from sparse_index.errors import UnavailableError
from sparse_index.store.files import Store

NOW = datetime.now(UTC)
FOLDER = "things/builds/b"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def sign(**changes: object) -> Sign:
    own = {"host": this_host(), "pid": os.getpid(), "started": process_start(os.getpid()), "beat": NOW}
    return Sign.model_validate(own | changes)


@pytest.mark.parametrize(
    ("changes", "living"),
    [
        ({}, True),
        ({"ended": True}, False),
        # The process can be seen, so nobody counts its beats: it may have been stopped for a while.
        ({"beat": NOW - timedelta(days=1)}, True),
        # Another process has the number now.
        ({"started": "1"}, False),
        ({"pid": 2**22 + 1}, False),
        # After a restart, or in another container, the numbers mean other processes.
        ({"host": "elsewhere", "pid": 2**22 + 1}, True),
        ({"host": "elsewhere", "beat": NOW - timedelta(minutes=14)}, True),
        ({"host": "elsewhere", "beat": NOW - timedelta(minutes=15)}, False),
        # A system that does not say when a process began.
        ({"started": None, "pid": 2**22 + 1}, True),
        ({"started": None, "beat": NOW - timedelta(minutes=16)}, False),
    ],
)
def test_a_run_is_dead_when_its_process_is_gone_or_its_beats_stay_away(
    changes: dict[str, object], living: bool
) -> None:
    assert sign(**changes).is_living(NOW) is living


def test_a_killed_process_is_dead_before_its_parent_asks_for_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    of_it = sign(pid=process.pid, started=process_start(process.pid))
    assert of_it.is_living(NOW)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not of_it.is_living(NOW)
    process.wait()
    assert not of_it.is_living(NOW)


def last_beat(store: Store) -> datetime:
    return Sign.model_validate_json(store.read_bytes(f"{FOLDER}/{SIGN}")).beat


def test_it_beats_while_the_block_runs_and_ends_with_it(store: Store) -> None:
    assert is_living(store, FOLDER, NOW) is None
    minutes = count()
    with sign_of_life(store, FOLDER, lambda: NOW + timedelta(minutes=next(minutes)), beat_s=0.01):
        assert is_living(store, FOLDER, NOW)
        deadline = time.monotonic() + 120
        while last_beat(store) < NOW + timedelta(minutes=2):
            assert time.monotonic() < deadline
    assert is_living(store, FOLDER, NOW) is False


def test_an_error_in_the_block_is_an_end_too(store: Store) -> None:
    with pytest.raises(ValueError, match="mine"), sign_of_life(store, FOLDER):
        raise ValueError("mine")
    assert is_living(store, FOLDER, NOW) is False


@pytest.mark.parametrize("content", [b"", b"{", b'{"host": "a"}', b"[]"])
def test_what_is_no_sign_says_nothing(store: Store, content: bytes) -> None:
    store.write_bytes(f"{FOLDER}/{SIGN}", content)
    assert is_living(store, FOLDER, NOW) is None


@pytest.mark.parametrize("error", [UnavailableError("the store is away"), FileNotFoundError("the bucket is gone")])
def test_a_store_that_refuses_a_beat_stops_no_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refused = Semaphore(0)

    def refuse(path: str, data: bytes) -> None:
        refused.release()
        raise error

    with sign_of_life(store, FOLDER, beat_s=0.001):
        monkeypatch.setattr(store, "write_bytes", refuse)
        for _ in range(2):
            assert refused.acquire(timeout=60), "it beats no more"
