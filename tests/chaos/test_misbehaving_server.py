"""P3 and P6 with a server that answers badly: refusals, stalls, resets, lost answers, an open breaker, a lost model.

A proxy between the run and the real server misbehaves on purpose; the breaker and the lost model are the server's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from chaos_table import WHOLE, ChaosTable
from faulty_proxy import ONE_TEXT, Decide, Fault, FaultyProxy, Seen
from promises import check_promises
from real_builds import MakeConfig, Row, live_plan, planned, rows, undisturbed, write_corpus
from sparse_index import pipeline
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import SparseIndexError
from sparse_index.ml import verbs
from sparse_index.ml.groups import marked_groups
from sparse_index.preflight.examine import preflight
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 60
CHANGED = 24
ENCODER = {"chunk_docs": 8, "docs_per_request": 2, "request_timeout_s": 3}
BREAKER = "plugins.ml_commons.jvm_heap_memory_threshold"

BY_ITSELF, RUN_AGAIN = "completed by itself", "failed, and completed when run again"

Misbehave = Callable[[Cluster, CorpusConfig], Decide]


def some(fault: Fault, *verbs: str, numbers: frozenset[int]) -> Misbehave:
    """`fault` for the requests of these verbs that have these numbers."""
    return lambda *_: lambda seen: fault if seen.verb in verbs and seen.number in numbers else Fault.NONE


def slow(*_: object) -> Decide:
    """One predict request takes longer than its time-out, the others are slow."""

    def decide(seen: Seen) -> Fault:
        if seen.verb != "_predict":
            return Fault.NONE
        time.sleep(4 if seen.number == 3 else 0.2)
        return Fault.DONE

    return decide


def breaker(cluster: Cluster, _: CorpusConfig) -> Decide:
    """The memory breaker of ML Commons is open from the third predict request to the sixth."""

    def decide(seen: Seen) -> Fault:
        if seen.verb == "_predict" and seen.number in (3, 6):
            threshold = 1 if seen.number == 3 else 95
            cluster.put("/_cluster/settings", {"persistent": {BREAKER: threshold}})
            return Fault.DONE
        return Fault.NONE

    return decide


def forgetful(cluster: Cluster, config: CorpusConfig) -> Decide:
    """The run's model is undeployed behind its back."""

    def decide(seen: Seen) -> Fault:
        if seen.verb == "_predict" and seen.number == 3:
            (group,) = marked_groups(cluster, config.alias)
            verbs.undeploy_group(cluster, group)
            return Fault.DONE
        return Fault.NONE

    return decide


def twice(*verbs: str) -> Misbehave:
    """The first answer to each of these verbs is lost after the server did the work."""
    return some(Fault.ANSWER_LOST, *verbs, numbers=frozenset({1}))


@dataclass(frozen=True)
class Case:
    """`faults`: how many requests must have met one, at least."""

    misbehave: Misbehave
    faults: int
    ending: str = BY_ITSELF


CASES = {
    "429 for five predict requests": Case(some(Fault.OVERLOADED, "_predict", numbers=frozenset(range(3, 8))), 5),
    "429 for five texts that prove the encoder": Case(
        some(Fault.OVERLOADED, ONE_TEXT, numbers=frozenset(range(3, 8))), 5
    ),
    "429 for two bulk requests": Case(some(Fault.OVERLOADED, "_bulk", numbers=frozenset({1, 2})), 2),
    "Slow predict requests, one beyond its time-out": Case(slow, 3),
    "Every third predict and bulk connection is reset": Case(
        some(Fault.RESET, ONE_TEXT, "_predict", "_bulk", numbers=frozenset(range(1, 100, 3))), 3
    ),
    "The memory breaker opens while encoding": Case(breaker, 2),
    "The nodes forget the model while encoding": Case(forgetful, 1),
    "Answers of predict, bulk and the alias switch are lost": Case(twice(ONE_TEXT, "_predict", "_bulk", "_aliases"), 4),
    # What may not be repeated unseen.
    "The answer of the registration is lost": Case(twice("_register_meta"), 1, RUN_AGAIN),
    "The answer of the deployment is lost": Case(twice("_deploy"), 1, RUN_AGAIN),
    "The answer of the clone is lost": Case(twice("_clone"), 1, RUN_AGAIN),
}
SHORT = (
    "429 for five predict requests",
    "The memory breaker opens while encoding",
    "The answer of the deployment is lost",
)


@pytest.fixture(autouse=True)
def breaker_closed(plain_cluster: Cluster) -> Iterator[None]:
    """Other tests ask the same server."""
    yield
    plain_cluster.put("/_cluster/settings", {"persistent": {BREAKER: None}})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses that give a real cluster time to recover would only be waited for here."""
    monkeypatch.setattr("sparse_index.encode.flight.BREAKER_PAUSE_S", 0.2)
    monkeypatch.setattr("sparse_index.encode.flight.LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr("sparse_index.encode.predict.REDEPLOY_AFTER_S", 1.0)


def edition(number: int) -> list[Row]:
    return [row | {"body": f"edition {number} of {n}"} if n < CHANGED else row for n, row in enumerate(rows(COUNT))]


def run(cluster: Cluster, config: CorpusConfig) -> None:
    pipeline.run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=datetime.now(UTC).date()))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("what", CASES if WHOLE else SHORT)
def test_a_server_misbehaves(
    plain_cluster: Cluster,
    proxy: FaultyProxy,
    model_id: str,
    make_config: MakeConfig,
    chaos_table: ChaosTable,
    what: str,
) -> None:
    twin, config = (make_config(name, encoder=ENCODER) for name in ("twin", "misbehaving"))
    write_corpus(config, edition(0))
    run(plain_cluster, config)
    for each in (twin, config):
        write_corpus(each, edition(1))
    expected = undisturbed(plain_cluster, planned(plain_cluster, twin), model_id)
    with chaos_table.line(what) as line:
        case = CASES[what]
        proxy.decide = case.misbehave(plain_cluster, config)
        line.result = how_it_ended(proxy, plain_cluster, config)
        assert line.result == case.ending
        assert proxy.faults >= case.faults, f"only {proxy.faults} requests met a fault"
        check_promises(plain_cluster, Store(config.store), live_plan(plain_cluster, config), expected)
        line.again = str(max(0, proxy.texts_together - CHANGED))


def how_it_ended(proxy: FaultyProxy, cluster: Cluster, config: CorpusConfig) -> str:
    try:
        run(Cluster.connect(proxy.settings), config)
    except SparseIndexError as error:
        print(error)  # noqa: T201 - pytest shows it with a failure
    else:
        return BY_ITSELF
    preflight(cluster, config, Store(config.store), goes_on=lambda _: False)
    run(cluster, config)
    return RUN_AGAIN
