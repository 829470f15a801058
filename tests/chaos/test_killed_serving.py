"""Serving is killed after each of its requests in turn: a rerun completes, one model stays, nothing leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.process import BaseProcess

import pytest

import victims
from chaos_table import WHOLE, ChaosTable, dice
from faulty_proxy import Fault, FaultyProxy, Seen
from real_builds import MODEL_ZIP, MakeConfig, built, planned, rows, write_corpus
from real_serving import HURRY, SEARCH, models, pipelines, remove_served, search
from sparse_index.cluster.client import Cluster
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import SEARCH_PIPELINE
from sparse_index.serving.act import Serving, serve
from sparse_index.serving.state import memory_path
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.chaos]


@pytest.fixture
def serving(plain_cluster: Cluster, make_config: MakeConfig) -> Iterator[Serving]:
    """A live index, and nothing that its queries need."""
    model = {"source": "file", "name": "killed-serving", "version": "1", "path": str(MODEL_ZIP)}
    plain = make_config("serving", encoder={"model": model})
    write_corpus(plain, rows(12))
    built(plain_cluster, plain, planned(plain_cluster, plain))
    config = type(plain).model_validate(
        plain.model_dump(exclude_unset=True) | {"encoder": {"model": model, "lifecycle": "shared"}, "search": SEARCH}
    )
    serving = Serving(plain_cluster, Store(config.store), config, HURRY)
    yield serving
    remove_served(serving)


def requests_of_a_run(proxy: FaultyProxy, serving: Serving) -> list[str]:
    """The last words of the paths of an undisturbed run, in order."""
    asked: list[str] = []

    def note(seen: Seen) -> Fault:
        asked.append(seen.verb)
        return Fault.NONE

    proxy.decide = note
    assert victims.ended_well(victims.started(victims.serve, proxy.settings, serving.config))
    return asked


def killed_after(proxy: FaultyProxy, requests: int, serving: Serving) -> bool:
    """Serve; it is killed when it asks for one thing more. False when it had ended before: it asks again and again while it
    waits, now more often and now less."""
    victim: Future[BaseProcess] = Future()
    proxy.decide = _killer(sum(proxy.counts.values()) + requests, proxy, victim)
    victim.set_result(victims.started(victims.serve, proxy.settings, serving.config))
    return not victims.ended_well(victim.result())


def _killer(allowed: int, proxy: FaultyProxy, victim: Future[BaseProcess]) -> Callable[[Seen], Fault]:
    def decide(_: Seen) -> Fault:
        if sum(proxy.counts.values()) <= allowed:
            return Fault.NONE
        victim.result().kill()
        return Fault.RESET

    return decide


def nothing_is_served(serving: Serving) -> None:
    """As before the first run."""
    live = observe_alias(serving.cluster, serving.config.alias).index
    serving.cluster.put(f"/{live}/_settings", {SEARCH_PIPELINE: None})
    remove_served(serving)
    serving.store.delete(memory_path(serving.config.alias))


def test_serving_killed_after_each_request(proxy: FaultyProxy, serving: Serving, chaos_table: ChaosTable) -> None:
    asked = requests_of_a_run(proxy, serving)
    moments = [*range(1, len(asked))]
    if not WHOLE:
        moments = sorted({asked.index("_register_meta") + 1, dice("serving").choice(moments)})
    with chaos_table.line("SIGKILL of serving after each of its requests in turn", len(moments)) as line:
        killed = 0
        for moment in moments:
            nothing_is_served(serving)
            killed += killed_after(proxy, moment, serving)
            assert serve(serving).steps == [], f"killed after request {moment}"
            assert (len(models(serving)), len(pipelines(serving))) == (1, 1), f"killed after request {moment}"
            assert "d4" in search(serving)
        assert killed * 2 >= len(moments)
        line.times = killed
        line.result = "run again: one model, which answers; one pipeline, which the live index names"
