"""Former generations that somebody closed, protected or uses, and those that a snapshot copies just now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from opensearchpy import OpenSearch

from build_plans import NOW, complete_candidate, corpus_config, make_plan, ready_plan, remove_indices
from fake_runs import FakeRuns
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.mapping import vector_properties
from sparse_index.creation.trial import try_unread
from sparse_index.errors import BuildError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices, retire
from sparse_index.operations.cleanup import Cleanup
from sparse_index.operations.janitor import clean, look
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.leftovers import sweep
from sparse_index.store.files import Store
from sparse_index.timing import Timing

pytestmark = pytest.mark.integration


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = corpus_config(f"hindered-{uuid4().hex[:8]}", str(tmp_path / "store"), retention={"generations": 1})
    yield config
    for index in own_indices(plain_cluster, config.alias):
        plain_cluster.put(f"/{index.name}/_settings", {"index.blocks.read_only": None})
        if index.attached.is_closed:
            plain_cluster.delete(f"/{index.name}")
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def generations(plain_cluster: Cluster, config: CorpusConfig) -> list[str]:
    """Four builds that went live one after the other: two surplus, one kept, one live."""
    names: list[str] = []
    for day in range(1, 5):
        live = names[-1] if names else None
        plan = make_plan(config, live_index=live, build_id=f"202503{day:02d}T060000-abcdef")
        names.append(complete_candidate(plain_cluster, plan, documents=1))
        promote(plain_cluster, plan, now=NOW)
    return names


def blocked(cluster: Cluster, index: str, on: bool | None = True) -> None:
    cluster.put(f"/{index}/_settings", {"index.blocks.read_only": on})


def nightly(cluster: Cluster, config: CorpusConfig) -> Cleanup:
    """The janitor's two looks, at runs that all have ended."""
    store, clusters = Store(config.store), {config.connection: cluster}
    runs = FakeRuns({index.meta.build_id: False for index in own_indices(cluster, config.alias)})
    decided = look(clusters, store, [config], now=NOW, runs=runs)
    return clean(clusters, store, [config], decided, now=NOW, runs=runs)


def names(cluster: Cluster, config: CorpusConfig) -> list[str]:
    return sorted(index.name for index in own_indices(cluster, config.alias))


def test_closed_ones_are_seen_kept_and_deleted_like_others(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    first, second, kept, live = generations
    for index in (first, kept):
        plain_cluster.post(f"/{index}/_close")
    plain_cluster.put(f"/{second}/_settings", {"index.hidden": True})
    tidied = retire(plain_cluster, config)
    assert (tidied.removed, tidied.left) == ([second, first], [])
    assert names(plain_cluster, config) == [kept, live]
    target = choose_target(plain_cluster, config, PREVIOUS, now=NOW, run_id="r")
    with pytest.raises(BuildError, match=rf"{kept} is closed, so it cannot be searched.*POST /{kept}/_open, then roll"):
        roll_back(plain_cluster, Store(config.store), config, target, now=NOW)
    with pytest.raises(BuildError, match=rf"{kept} \(data of .*, closed\)"):
        choose_target(plain_cluster, config, "no-such", now=NOW, run_id="r")
    plain_cluster.post(f"/{kept}/_open")
    plain_cluster.post(f"/{live}/_close")
    assert roll_back(plain_cluster, Store(config.store), config, target, now=NOW).live == kept
    assert observe_alias(plain_cluster, config.alias).members == (kept,)


def test_what_a_person_protects_or_uses_stays_and_is_named(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    first, second, kept, live = generations
    plain_cluster.post("/_aliases", {"actions": [{"add": {"index": first, "alias": f"{config.alias}-audit"}}]})
    plain_cluster.put(f"/{kept}/_settings", {"index.number_of_replicas": 1})
    for index in (second, kept):
        blocked(plain_cluster, index)
    in_words = [
        f"{second} stays: it is read-only. Whoever needs it no more lifts the block (index.blocks.read_only)",
        f"{first} stays: alias(es) {config.alias}-audit point to it. Whoever needs it no more removes them",
    ]
    tidied = retire(plain_cluster, config)
    assert tidied.removed == []
    assert tidied.left == [f"{kept} keeps its replicas: it is read-only (index.blocks.read_only)", *in_words]
    assert set(in_words) <= set(nightly(plain_cluster, config).notes)
    assert names(plain_cluster, config) == generations
    target = choose_target(plain_cluster, config, PREVIOUS, now=NOW, run_id="r")
    with pytest.raises(BuildError, match=rf"{kept} is read-only \(index.blocks.read_only\), so its aliases cannot"):
        roll_back(plain_cluster, Store(config.store), config, target, now=NOW)
    assert observe_alias(plain_cluster, config.alias).members == (live,)
    for index in (second, kept):
        blocked(plain_cluster, index, None)
    tidied = retire(plain_cluster, config)
    assert (tidied.removed, tidied.left) == ([second], in_words[1:])
    # It has no replicas now, and nothing stands in anybody's way.
    blocked(plain_cluster, kept)
    assert retire(plain_cluster, config).left == in_words[1:]


@pytest.fixture
def snapshot(plain_cluster: Cluster, config: CorpusConfig) -> Iterator[str]:
    """The path of a snapshot of all indices of the corpus that takes longer than any test, once it is begun."""
    repository = f"/_snapshot/{config.alias}"
    slow = {"location": config.alias, "max_snapshot_bytes_per_sec": "200b"}
    plain_cluster.put(repository, {"type": "fs", "settings": slow})
    yield f"{repository}/hourly"
    plain_cluster.delete(repository)


def test_what_a_snapshot_copies_is_left_to_the_next_time(
    plain_cluster: Cluster,
    plain_settings: ConnectionSettings,
    config: CorpusConfig,
    generations: list[str],
    snapshot: str,
) -> None:
    first, second, kept, live = generations
    failed = ready_plan(plain_cluster, config.alias, live=live, build_id="20250305T060000-abcdef").candidate
    older = ready_plan(plain_cluster, config.alias, live=live, build_id="20250304T070000-abcdef").candidate
    plain_cluster.put(snapshot, {"indices": f"{config.alias}*"}, wait_for_completion="false")
    # Who waits longer only waits.
    hasty = Cluster.connect(plain_settings, attempts=1)
    try:
        tidied = retire(hasty, config)
        assert tidied.removed == []
        assert [reason.split(":")[0] for reason in tidied.left] == [
            f"{second} stays for now",
            f"{first} stays for now",
        ]
        assert sum("left for the next time" in note for note in nightly(hasty, config).notes) >= 2
        findings = Findings()
        assert sweep(findings, hasty, Store(config.store), config.alias, lambda _: False, Timing(now=lambda: NOW)) == []
        assert (findings.problems, len(findings.warnings)) == ([], 1)
    finally:
        plain_cluster.delete(snapshot)
    assert retire(hasty, config).removed == [second, first]
    hasty.close()
    assert names(plain_cluster, config) == sorted([kept, live, older, failed])


class Hourly(Cluster):
    """A snapshot begins just before this one deletes something for the first time."""

    def __init__(self, settings: ConnectionSettings, snapshot: str, indices: str) -> None:
        super().__init__(OpenSearch(**settings.client_arguments()), attempts=1)
        self._begin: tuple[str, ...] = (snapshot, indices)

    def remove(self, path: str, method: str = "DELETE") -> bool:
        if self._begin:
            (snapshot, indices), self._begin = self._begin, ()
            self.put(snapshot, {"indices": indices}, wait_for_completion="false")
        return super().remove(path, method)


def test_a_trial_that_a_snapshot_copies_is_left_to_the_next_build(
    plain_cluster: Cluster,
    plain_settings: ConnectionSettings,
    config: CorpusConfig,
    generations: list[str],
    snapshot: str,
) -> None:
    hourly = Hourly(plain_settings, snapshot, f"{config.alias}*")
    try:
        (note,) = try_unread(hourly, config, NOW)
    finally:
        plain_cluster.delete(snapshot)
        hourly.close()
    (trial,) = set(names(plain_cluster, config)) - set(generations)
    assert note == f"{trial}, a trial, stays for now: a snapshot copies it. The next build removes it"
    mapping = {"dynamic": "strict", "properties": vector_properties(config)}
    plan = make_plan(config, live_index=generations[-1], build_id="20990101T000000-abcdef", mapping=mapping)
    assert prepare_candidate(plain_cluster, Store(config.store), plan) == plan.candidate
    assert trial not in names(plain_cluster, config)
