"""P6 outside Airflow: whatever ends a run of the command line, it or the next one leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
import yaml

import victims
from build_plans import remove_indices
from fake_runs import FakeRuns
from faulty_proxy import Fault, FaultyProxy, Seen, faulty_proxy
from real_builds import real_config, rows, write_corpus
from sparse_index import pipeline
from sparse_index.builds.request import RunRequest
from sparse_index.builds.state import BuildState, state_in_store
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.generations import own_indices
from sparse_index.ml.groups import marked_groups
from sparse_index.ml.waits import wait_for
from sparse_index.ml.watching import wait_until
from sparse_index.operations.janitor import look
from sparse_index.preflight.examine import preflight
from sparse_index.store.files import Store
from sparse_index.store.layout import builds_folder

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
REQUEST = RunRequest(run_id="cli__test", data_date=datetime.now(UTC).date())
DEADLINE_S = 180.0  # of a machine that does much else meanwhile
STAGES = ("_register", "_register_meta", "_deploy", "_predict", "_bulk", "_aliases")


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"stopped-{uuid4().hex[:6]}", tmp_path, index={"replicas": 0})
    write_corpus(config, rows(12))
    yield config
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def proxy(plain_settings: ConnectionSettings) -> Iterator[FaultyProxy]:
    with faulty_proxy(plain_settings) as proxy:
        yield proxy


def reached(proxy: FaultyProxy, verb: str, *, then: Fault = Fault.NONE) -> Event:
    """An event for the first request of this kind, which then meets this fault."""
    there = Event()

    def decide(seen: Seen) -> Fault:
        if seen.verb != verb or there.is_set():
            return Fault.NONE
        there.set()
        return then

    proxy.decide = decide
    return there


def builds(config: CorpusConfig) -> list[str]:
    return sorted({path.split("/")[2] for path in Store(config.store).files(builds_folder(config.alias))})


def models(cluster: Cluster, config: CorpusConfig) -> int:
    name = config.encoder.model.name  # type: ignore[union-attr]
    query = {"query": {"term": {"name.keyword": name}}, "size": 0}
    return int(cluster.post("/_plugins/_ml/models/_search", query)["hits"]["total"]["value"])


def test_what_killed_runs_left_is_gone_after_the_next_one(
    plain_cluster: Cluster, proxy: FaultyProxy, config: CorpusConfig
) -> None:
    """SIGKILL in each stage; each run sweeps what the one before has left, the last one all."""
    store, left = Store(config.store), 0
    for number, verb in enumerate(STAGES):
        write_corpus(config, [row | {"title": f"edition {number}, title {row['id']}"} for row in rows(12)])
        there = reached(proxy, verb, then=Fault.ANSWER_LOST)
        process = victims.started(victims.run, proxy.settings, config, REQUEST)
        assert there.wait(DEADLINE_S), verb
        assert victims.killed(process)
        left += len(marked_groups(plain_cluster, config.alias))
        (build,) = builds(config)[number:]
        assert state_in_store(store, config.alias, build, None, datetime.now(UTC)) is BuildState.ENDED
    assert left >= 3
    named = preflight(plain_cluster, config, store, changes=False)
    assert (named.swept, len(named.left)) == ((), len(marked_groups(plain_cluster, config.alias)))
    done = pipeline.run(plain_cluster, config, store, REQUEST)
    assert "Nothing is untidy" in str(done.receipt["summary"])
    assert marked_groups(plain_cluster, config.alias) == []
    assert models(plain_cluster, config) == 0
    assert [index.live for index in own_indices(plain_cluster, config.alias)] in ([True], [True, False])


@dataclass
class Gate:
    """Holds the first request of each of these kinds back until the test lets it pass."""

    verbs: tuple[str, ...]
    here: dict[str, Event] = field(default_factory=dict)
    passes: dict[str, Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.here = {verb: Event() for verb in self.verbs}
        self.passes = {verb: Event() for verb in self.verbs}

    def __call__(self, seen: Seen) -> Fault:
        if seen.verb in self.here:
            self.here[seen.verb].set()
            assert self.passes[seen.verb].wait(DEADLINE_S)
        return Fault.NONE


def test_a_run_that_lives_keeps_all_that_is_its_own(
    plain_cluster: Cluster, proxy: FaultyProxy, config: CorpusConfig
) -> None:
    store, gate = Store(config.store), Gate(("_predict", "_bulk"))
    proxy.decide = gate
    process = victims.started(victims.run, proxy.settings, config, REQUEST)
    try:
        assert gate.here["_predict"].wait(DEADLINE_S)
        (build,) = builds(config)
        (group,) = marked_groups(plain_cluster, config.alias)
        # Another run of the command line, one of Airflow (which knows no such run), and the janitor of either.
        for goes_on in (None, lambda _: None):
            report = preflight(plain_cluster, config, store, goes_on=goes_on)
            assert (report.swept, report.left) == ((), ())
        for runs in (None, FakeRuns()):
            cleanup = look({config.connection: plain_cluster}, store, [config], now=datetime.now(UTC), runs=runs)
            assert (cleanup.actions, cleanup.unproven) == ([], [])
        assert marked_groups(plain_cluster, config.alias) == [group]

        gate.passes["_predict"].set()
        assert gate.here["_bulk"].wait(DEADLINE_S)
        done = pipeline.run(plain_cluster, config, store, REQUEST)
        assert done.receipt["outcome"] == "promoted"
        names = [index.meta.build_id for index in own_indices(plain_cluster, config.alias)]
        assert names == [done.plan.build_id, build]
    finally:
        for passes in gate.passes.values():
            passes.set()
        process.join(60)
    # It lost the race for the alias, said so, and tidied up.
    assert process.exitcode == 1
    assert "Lost race" in str(store.read_json(f"{builds_folder(config.alias)}/{build}/receipt.json")["failures"])
    assert marked_groups(plain_cluster, config.alias) == []


def command(config: CorpusConfig, folder: Path, url: str) -> subprocess.Popen[str]:
    file = folder / "corpus.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)))
    # Whoever started the tests may have had signals ignored (`nohup`), and children inherit that.
    heeding = ["env", "--default-signal"]
    words = [*heeding, sys.executable, "-m", "sparse_index", "run", str(file), "--url", url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include")}
    return subprocess.Popen(words, env=environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("number", "verb"),
    [(signal.SIGTERM, "_predict"), (signal.SIGHUP, "_deploy"), (signal.SIGINT, "_bulk")],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_run_that_is_asked_to_stop_cleans_up_and_leaves_its_receipt(
    plain_cluster: Cluster, proxy: FaultyProxy, config: CorpusConfig, tmp_path: Path, number: signal.Signals, verb: str
) -> None:
    there = reached(proxy, verb)
    with command(config, tmp_path, f"http://127.0.0.1:{proxy.listening}") as process:
        assert there.wait(DEADLINE_S)
        process.send_signal(number)
        # Who stops a process asks twice; here the second time while it cleans up.
        proxy.decide = cleaning = Gate(("_alias",))
        assert cleaning.here["_alias"].wait(DEADLINE_S)
        process.send_signal(signal.SIGTERM)
        cleaning.passes["_alias"].set()
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + number, said
    assert f"stopped by {number.name}" in said
    assert "Traceback" not in said
    assert marked_groups(plain_cluster, config.alias) == []
    assert models(plain_cluster, config) == 0
    (build,) = builds(config)
    receipt: dict[str, Any] = Store(config.store).read_json(f"{builds_folder(config.alias)}/{build}/receipt.json")
    assert (receipt["outcome"], receipt["untidy"]) == ("failed", [])
    assert f"stopped by {number.name}" in str(receipt["failures"])


@pytest.mark.parametrize("last", ["models", "model_groups"])
def test_a_deployment_that_arrives_while_a_stopped_run_cleans_up_is_taken_back(
    plain_cluster: Cluster, proxy: FaultyProxy, config: CorpusConfig, tmp_path: Path, last: str
) -> None:
    """The worst moment: after the model was undeployed, before it is deleted. Or when it is gone, and only its group is there."""
    asked, may_arrive = Event(), Event()

    def decide(seen: Seen) -> Fault:
        if seen.verb == "_deploy":
            asked.set()
            assert may_arrive.wait(DEADLINE_S)
        if seen.method == "DELETE" and f"/{last}/" in seen.path and not may_arrive.is_set():
            may_arrive.set()
            if last == "models":
                model_id = seen.path.rpartition("/")[2]
                wait_until(
                    plain_cluster, wait_for("deploy", DEADLINE_S, now=time.time(), task_id=None, model_id=model_id)
                )
        return Fault.NONE

    proxy.decide = decide
    with command(config, tmp_path, f"http://127.0.0.1:{proxy.listening}") as process:
        assert asked.wait(DEADLINE_S)
        process.terminate()
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert may_arrive.is_set()
    (build,) = builds(config)
    assert Store(config.store).read_json(f"{builds_folder(config.alias)}/{build}/receipt.json")["untidy"] == []
    assert (marked_groups(plain_cluster, config.alias), models(plain_cluster, config)) == ([], 0)
