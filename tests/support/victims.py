"""Work of the core in a process of its own, which a test may kill at any instruction."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess

import pytest

from changes import Life, kill_this_process
from sparse_index import pipeline
from sparse_index.builds.plan import Part, Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.index.part import index_part
from sparse_index.serving import act
from sparse_index.serving.act import Serving
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

# Forked from a server that has imported the core already: a kill costs milliseconds instead of a start of Python.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["sparse_index.pipeline"])
DEADLINE_S = 120


def started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process that does `work` in the test's environment; its module and arguments travel by pickle."""
    process = _PROCESSES.Process(target=_in_environment, args=(dict(os.environ), work, *arguments))
    process.start()
    return process


def _in_environment(environment: Mapping[str, str], work: Callable[..., None], *arguments: object) -> None:
    """The server that forks has that of the first test that asked for a process."""
    os.environ.clear()
    os.environ.update(environment)
    work(*arguments)


def killed_when(process: BaseProcess, seen: Callable[[], object]) -> bool:
    """SIGKILL as soon as `seen`, at the latest when the deadline is over; False when it had ended well before."""
    end = time.monotonic() + DEADLINE_S
    while process.is_alive() and not seen() and time.monotonic() < end:
        process.join(0.01)
    return killed(process)


def killed(process: BaseProcess) -> bool:
    """SIGKILL; False when it had ended well before."""
    process.kill()
    return not ended_well(process)


def ended_well(process: BaseProcess) -> bool:
    """Whether it did all its work; an end that is neither that nor a kill fails the test."""
    process.join(DEADLINE_S)
    exit_code = process.exitcode
    process.kill()  # one that hangs would be waited for at Python's own end
    assert exit_code in (0, -signal.SIGKILL), f"{process.name} ended with {exit_code}"
    return exit_code == 0


def encode(settings: ConnectionSettings, plan: Plan, part: Part, model_id: str) -> None:
    model_ids = {plan.fingerprint: model_id}
    encode_part(Cluster.connect(settings), Store(plan.config.store), plan, part, model_ids, cores=2)


def index(settings: ConnectionSettings, plan: Plan, part: Part) -> None:
    index_part(Cluster.connect(settings), Store(plan.config.store), plan, part)


def run(settings: ConnectionSettings, config: CorpusConfig, request: RunRequest) -> None:
    pipeline.run(Cluster.connect(settings), config, Store(config.store), request)


def run_to_change(
    settings: ConnectionSettings, config: CorpusConfig, request: RunRequest, changes: int, afterwards: bool
) -> None:
    """`run` that kills itself when so many changes of cluster and store are done: before the next, or just after it."""
    Life(changes, afterwards, kill_this_process).watch(pytest.MonkeyPatch())
    run(settings, config, request)


def serve(settings: ConnectionSettings, config: CorpusConfig) -> None:
    act.serve(Serving(Cluster.connect(settings), Store(config.store), config, REAL_TIME))
