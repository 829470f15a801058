"""P3 and the clone: a delta build's process is killed after each of its requests to the cluster in turn, and before and after
each change that it makes to cluster and store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

import victims
from changes import Life
from chaos_table import WHOLE, ChaosTable, dice
from faulty_proxy import Fault, FaultyProxy, Seen
from promises import check_promises
from real_builds import MakeConfig, Row, built, documents, planned, rows, write_corpus
from sparse_index import pipeline
from sparse_index.builds.plan import BuildKind, Plan, load_plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices, retire
from sparse_index.live.meta import read_meta
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
COUNT = 60
SHORT_MOMENTS = 1
SHORT_CHANGES = ("/plan.json", "/manifest-final.parquet", "/reports/books.json", "/receipt.json")
RIGHT = "run again: the right documents, settings, aliases and _meta on both indices"


def edition(number: int) -> list[Row]:
    """Every third row has another stock, and some rows come and go; no text is new."""
    return [row | {"stock": number} if n % 3 == 0 else row for n, row in enumerate(rows(COUNT)) if n % 20 != number % 2]


def request() -> RunRequest:
    return RunRequest(run_id="test", data_date=datetime.now(UTC).date())


@pytest.fixture
def config(plain_cluster: Cluster, make_config: MakeConfig) -> CorpusConfig:
    """A live build of all rows, whose index names a search pipeline."""
    config = make_config("builds", index={"replicas": 1})
    write_corpus(config, rows(COUNT))
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, plan)
    plain_cluster.put(f"/_search/pipeline/{config.alias}", {"request_processors": []})
    plain_cluster.put(f"/{plan.candidate}/_settings", {"index.search.default_pipeline": config.alias})
    return config


def requests_of_a_run(proxy: FaultyProxy, config: CorpusConfig) -> list[str]:
    """The verbs of an undisturbed delta build, in order."""
    verbs: list[str] = []

    def note(seen: Seen) -> Fault:
        verbs.append(seen.verb)
        return Fault.NONE

    proxy.decide = note
    write_corpus(config, edition(0))
    assert victims.ended_well(victims.started(victims.run, proxy.settings, config, request()))
    return verbs


def kill_after(proxy: FaultyProxy, requests: int, config: CorpusConfig) -> None:
    """Run a build; it is killed when it asks for one thing more."""
    victim: Future[BaseProcess] = Future()
    proxy.decide = _killer(proxy, sum(proxy.counts.values()) + requests, victim)
    victim.set_result(victims.started(victims.run, proxy.settings, config, request()))
    assert not victims.ended_well(victim.result()), f"the run ended before request {requests + 1}"


def _killer(proxy: FaultyProxy, allowed: int, victim: Future[BaseProcess]) -> Callable[[Seen], Fault]:
    def decide(_: Seen) -> Fault:
        if sum(proxy.counts.values()) <= allowed:
            return Fault.NONE
        victim.result().kill()
        return Fault.RESET

    return decide


def run_again(cluster: Cluster, config: CorpusConfig) -> Plan:
    """The same run once more; where the killed one was live already, its last tasks."""
    store = Store(config.store)
    plan = pipeline.run(cluster, config, store, request()).plan
    if plan.kind is not BuildKind.NOTHING:
        return plan
    meta = read_meta(cluster, str(observe_alias(cluster, config.alias).index))
    assert meta is not None
    plan = load_plan(store, plan_path(config.alias, meta.build_id))
    promote(cluster, plan, now=datetime.now(UTC))
    retire(cluster, config)
    return plan


def state(cluster: Cluster, index: str) -> dict[str, Any]:
    answer = cluster.get(f"/{index}", flat_settings="true")[index]
    names = ("blocks.write", "number_of_replicas", "refresh_interval", "routing.rebalance.enable")
    settings = {name: answer["settings"].get(f"index.{name}") for name in (*names, "search.default_pipeline")}
    return settings | {"aliases": answer["aliases"]}


def require_right_settings(cluster: Cluster, config: CorpusConfig, plan: Plan) -> None:
    usual = {
        "blocks.write": "true",
        "refresh_interval": None,
        "routing.rebalance.enable": None,
        "search.default_pipeline": config.alias,
    }
    indices = own_indices(cluster, config.alias)
    live = next(index for index in indices if index.name == plan.candidate)
    former = [index for index in indices if index.is_generation]
    assert state(cluster, live.name) == usual | {
        "number_of_replicas": "1",
        "aliases": {config.alias: {"is_write_index": True}},
    }
    assert [state(cluster, index.name) for index in former] == [usual | {"number_of_replicas": "0", "aliases": {}}]
    for index in (live, *former):
        meta = index.meta
        assert meta.state == "complete"
        assert meta.promoted_at is not None
        assert meta.documents == cluster.get(f"/{index.name}/_count")["count"]


def whole_when_run_again(
    cluster: Cluster, config: CorpusConfig, content: list[Row], vectors: dict[str, dict[str, float]]
) -> None:
    """After a kill."""
    assert len(observe_alias(cluster, config.alias).members) == 1, "P2"
    plan = run_again(cluster, config)
    expected = {row["id"]: row | {"text_sparse": vectors[row["id"]]} for row in content}
    check_promises(cluster, Store(config.store), plan, expected)
    require_right_settings(cluster, config, plan)


def test_a_delta_build_killed_after_each_request(
    plain_cluster: Cluster, proxy: FaultyProxy, config: CorpusConfig, chaos_table: ChaosTable
) -> None:
    vectors = {name: document["text_sparse"] for name, document in documents(plain_cluster, config.alias).items()}
    verbs = requests_of_a_run(proxy, config)
    moments = [*range(1, len(verbs))]
    if not WHOLE:
        chosen = {verbs.index("_clone") + 1, verbs.index("_aliases") + 1}
        moments = sorted(chosen | set(dice("builds").sample(moments, SHORT_MOMENTS)))
    with chaos_table.line("SIGKILL of a delta build after each of its requests in turn", len(moments)) as line:
        for number, moment in enumerate(moments, start=1):
            write_corpus(config, edition(number))
            kill_after(proxy, moment, config)
            whole_when_run_again(plain_cluster, config, edition(number), vectors)
        line.result = RIGHT


def changes_of_a_run(cluster: Cluster, config: CorpusConfig, patch: pytest.MonkeyPatch) -> list[str]:
    """What an undisturbed delta build changes, in order."""
    write_corpus(config, edition(0))
    with patch.context() as watched:
        life = Life().watch(watched)
        pipeline.run(cluster, config, Store(config.store), request())
    return life.seen


def test_a_delta_build_killed_at_each_change(
    plain_cluster: Cluster,
    plain_settings: ConnectionSettings,
    config: CorpusConfig,
    chaos_table: ChaosTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = {name: document["text_sparse"] for name, document in documents(plain_cluster, config.alias).items()}
    changes = changes_of_a_run(plain_cluster, config, monkeypatch)
    moments = [(number, afterwards) for number in range(len(changes)) for afterwards in (False, True)]
    if not WHOLE:
        moments = [(next(n for n, what in enumerate(changes) if what.endswith(file)), False) for file in SHORT_CHANGES]
    with chaos_table.line(
        "SIGKILL of a delta build before and after each of its changes in turn", len(moments)
    ) as line:
        for number, (moment, afterwards) in enumerate(moments, start=1):
            write_corpus(config, edition(number))
            work = (plain_settings, config, request(), moment, afterwards)
            ended = victims.ended_well(victims.started(victims.run_to_change, *work))
            assert not ended, f"the run ended before change {moment} of {changes}"
            whole_when_run_again(plain_cluster, config, edition(number), vectors)
        line.result = RIGHT
