"""The janitor on a real cluster and a real store: what goes, what stays, and that what stays still works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import complete_candidate, make_plan, remove_indices
from fake_runs import FakeRuns
from ml_verbs import file_encoder, registered
from real_builds import MODEL_ZIP, built, documents, indexed, planned, real_config, rows, write_corpus
from sparse_index.builds.plan import BuildKind, Plan, load_plan
from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices
from sparse_index.live.meta import read_meta, write_meta
from sparse_index.live.switch import switch_alias
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group, marked_groups
from sparse_index.operations.cleanup import Cleanup, Kind
from sparse_index.operations.janitor import clean, load_cleanup, look, save_cleanup
from sparse_index.operations.sightings import Clusters
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path, schemas_folder

pytestmark = pytest.mark.integration

COUNT = 40
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=40)
OTHER_ENCODER = "vectors/ffffffffffffffff/20250101T000000-abcdef-p00000.parquet"


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"janitor-{uuid4().hex[:6]}", tmp_path)
    yield config
    for group in marked_groups(plain_cluster, config.alias):
        verbs.remove_group(plain_cluster, group)
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    return Store(config.store)


@pytest.fixture
def clusters(plain_cluster: Cluster, config: CorpusConfig) -> Clusters:
    return {config.connection: plain_cluster}


def three_generations(cluster: Cluster, config: CorpusConfig) -> list[Plan]:
    """Three promoted builds, the newest live: one generation more than retention keeps."""
    plans: list[Plan] = []
    for number in range(3):
        write_corpus(config, rows(COUNT - number))
        plans.append(planned(cluster, config))
        built(cluster, config, plans[-1])
    return plans


def ended(*plans: Plan) -> FakeRuns:
    return FakeRuns({plan.build_id: False for plan in plans})


def kinds(cleanup: Cleanup) -> dict[Kind, list[str]]:
    found: dict[Kind, list[str]] = {}
    for action in cleanup.actions:
        found.setdefault(action.kind, []).append(action.name)
    return found


def everything(cluster: Cluster, store: Store, alias: str) -> dict[str, Any]:
    """All that carries our mark, in the cluster and in the store, down to the bytes."""
    indices = cluster.get(f"/{alias}*", ignore_unavailable="true", flat_settings="true")
    contents = {file.path: (store.read_bytes(file.path), file.modified) for file in store.listing()}
    return {"indices": indices, "groups": marked_groups(cluster, alias), "files": contents}


def test_leftovers_go_night_by_night_and_all_that_is_kept_still_works(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    oldest, former, live = three_generations(plain_cluster, config)
    write_corpus(config, rows(COUNT + 1))
    failed = planned(plain_cluster, config)
    indexed(plain_cluster, config, failed)
    registered(plain_cluster, file_encoder(MODEL_ZIP), failed.group)
    store.write_bytes(OTHER_ENCODER, b"")
    former_schema = f"{schemas_folder(config.alias)}/of-columns-that-nobody-has.json"
    store.write_bytes(former_schema, b"{}")
    runs = ended(oldest, former, live, failed)
    before = {plan.candidate: documents(plain_cluster, plan.candidate) for plan in (former, live)}

    tonight = look(clusters, store, [config], now=NOW + timedelta(hours=5), runs=runs)
    assert kinds(tonight) == {Kind.MODELS: [failed.group], Kind.GENERATION: [oldest.candidate]}
    clean(clusters, store, [config], tonight, now=NOW + timedelta(hours=5), runs=runs)
    assert marked_groups(plain_cluster, config.alias) == []
    assert {index.name for index in own_indices(plain_cluster, config.alias)} == {*before, failed.candidate}

    for _ in ("the candidate", "its build", "its scans"):
        cleanup = look(clusters, store, [config], now=LATER, runs=runs)
        clean(clusters, store, [config], cleanup, now=LATER, runs=runs)
    assert look(clusters, store, [config], now=LATER, runs=runs).actions == []
    assert {index.name for index in own_indices(plain_cluster, config.alias)} == set(before)
    builds = {path.split("/")[2] for path in store.files(f"{config.alias}/builds")}
    assert builds == {former.build_id, live.build_id}
    assert not store.exists(OTHER_ENCODER)
    assert not store.exists(former_schema)

    assert {name: documents(plain_cluster, name) for name in before} == before
    following = planned(plain_cluster, config)
    assert following.kind is BuildKind.DELTA, "the live build's manifest is there"
    assert following.counts.texts_to_encode == 1, "the vectors of the failed build are past their retention, no others"
    assert built(plain_cluster, config, following).documents == COUNT + 1
    assert planned(plain_cluster, config, Mode.FULL).counts.texts_to_encode == 0


def test_a_dry_run_changes_nothing_and_the_real_run_does_exactly_what_it_said(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    plans = three_generations(plain_cluster, config)
    store.write_bytes(OTHER_ENCODER, b"")
    before = everything(plain_cluster, store, config.alias)
    dry = look(clusters, store, [config], now=LATER, runs=ended(*plans))
    assert everything(plain_cluster, store, config.alias) == before
    assert set(kinds(dry)) == {Kind.GENERATION, Kind.FILES, Kind.VECTORS}

    decided = load_cleanup(store, save_cleanup(store, dry))
    assert clean(clusters, store, [config], decided, now=LATER, runs=ended(*plans)) == dry
    after = everything(plain_cluster, store, config.alias)
    gone = {path for action in dry.actions for path in action.paths}
    assert before["files"].keys() - after["files"].keys() == gone
    assert before["indices"].keys() - after["indices"].keys() == set(kinds(dry)[Kind.GENERATION])


def test_a_live_run_keeps_all_that_is_its_own(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    oldest, former, live = three_generations(plain_cluster, config)
    running = make_plan(config)
    complete_candidate(plain_cluster, running)
    create_group(plain_cluster, running.group, "test")
    store.write_json(plan_path(config.alias, running.build_id), {"fingerprint": "f" * 16})
    store.write_bytes(OTHER_ENCODER, b"")
    runs = ended(oldest, former, live)
    runs.live[running.build_id] = True
    before = everything(plain_cluster, store, config.alias)
    cleanup = clean(
        clusters, store, [config], look(clusters, store, [config], now=LATER, runs=runs), now=LATER, runs=runs
    )
    assert cleanup.actions == []
    assert f"all vectors stay: '{config.alias}' has a run now" in cleanup.notes
    assert everything(plain_cluster, store, config.alias) == before

    runs.live[running.build_id] = False
    found = kinds(look(clusters, store, [config], now=LATER, runs=runs))
    assert found[Kind.MODELS] == [running.group]
    assert found[Kind.CANDIDATE] == [running.candidate]
    runs.running.add(config.alias)
    assert Kind.GENERATION not in kinds(look(clusters, store, [config], now=LATER, runs=runs))


def test_what_was_decided_days_ago_is_not_done_when_it_is_no_longer_so(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    oldest, former, live = three_generations(plain_cluster, config)
    runs = ended(oldest, former, live)
    decided = look(clusters, store, [config], now=LATER, runs=runs)
    assert kinds(decided)[Kind.GENERATION] == [oldest.candidate]
    switch_alias(plain_cluster, config.alias, former=live.candidate, to=oldest.candidate)
    done = clean(clusters, store, [config], decided, now=LATER, runs=runs)
    assert Kind.GENERATION not in kinds(done)
    assert observe_alias(plain_cluster, config.alias).members == (oldest.candidate,)
    assert len(documents(plain_cluster, config.alias)) == COUNT


def test_a_cluster_that_does_not_answer_keeps_everything_and_stops_nobody(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    silent = config.model_copy(update={"alias": f"{config.alias}-silent", "connection": "nowhere"})
    unopened = config.model_copy(update={"alias": f"{config.alias}-unopened", "connection": "unknown"})
    nobody = Cluster.connect(ConnectionSettings(host="127.0.0.1", port=9, use_ssl=False), attempts=1)
    plans = three_generations(plain_cluster, config)
    theirs = [make_plan(each, build_id="20250101T000000-abcdef") for each in (silent, unopened)]
    for plan in theirs:
        store.write_json(plan_path(plan.alias, plan.build_id), {"fingerprint": "e" * 16})
        store.write_json(f"{plan.folder}/receipt.json", {})
    store.write_bytes(OTHER_ENCODER, b"")
    clusters, configs, runs = (
        {config.connection: plain_cluster, "nowhere": nobody},
        [config, silent, unopened],
        ended(*plans),
    )

    cleanup = look(clusters, store, configs, now=LATER, runs=runs)
    assert kinds(cleanup)[Kind.GENERATION] == [plans[0].candidate]
    with pytest.raises(BuildError) as caught:
        clean(clusters, store, configs, cleanup, now=LATER, runs=runs)
    assert "2 thing(s) could not be tidied up or proven dead; all else was:" in caught.value.message
    assert f"'{silent.alias}' could not be looked at, all of its stays: " in caught.value.message
    assert "connection 'unknown' cannot be opened" in caught.value.message
    assert [index.name for index in own_indices(plain_cluster, config.alias)] == [
        plans[2].candidate,
        plans[1].candidate,
    ]
    for plan in theirs:
        assert len(store.files(plan.folder)) == 2
    assert store.exists(OTHER_ENCODER), "one of them may use this encoder"


def test_an_index_that_cannot_be_understood_keeps_the_whole_corpus(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    plans = three_generations(plain_cluster, config)
    newer_version = {"_meta": {"sparse_index": {"alias": config.alias, "a_field_of_tomorrow": 1}}}
    plain_cluster.put(f"/{plans[2].candidate}/_mapping", newer_version)
    cleanup = look(clusters, store, [config], now=LATER, runs=ended(*plans))
    assert cleanup.actions == []
    assert f"the `_meta` of {plans[2].candidate} cannot be read" in cleanup.unproven[0]


def test_an_index_of_a_later_version_keeps_the_whole_corpus(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    plans = three_generations(plain_cluster, config)
    meta = read_meta(plain_cluster, plans[2].candidate)
    assert meta is not None
    write_meta(plain_cluster, plans[2].candidate, meta.model_copy(update={"form": 2}))
    cleanup = look(clusters, store, [config], now=LATER, runs=ended(*plans))
    assert cleanup.actions == []
    assert f"the `_meta` of {plans[2].candidate} cannot be read" in cleanup.unproven[0]


def test_a_plan_of_a_later_version_keeps_the_vectors(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    plans = three_generations(plain_cluster, config)
    later = plan_path(config.alias, plans[2].build_id)
    store.write_json(later, store.read_json(later) | {"form": 2})
    store.write_bytes(OTHER_ENCODER, b"")
    cleanup = look(clusters, store, [config], now=LATER, runs=ended(*plans))
    assert OTHER_ENCODER not in {path for action in cleanup.actions for path in action.paths}
    assert f"all vectors stay: {later} cannot be read" in cleanup.notes


def test_a_plan_of_another_version_keeps_the_vectors_and_stops_nobody(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, clusters: Clusters
) -> None:
    plans = three_generations(plain_cluster, config)
    odd = plan_path(config.alias, "20260101T000000-abcdef")
    store.write_bytes(odd, b"{torn")
    store.write_bytes(OTHER_ENCODER, b"")
    cleanup = look(clusters, store, [config], now=LATER, runs=ended(*plans))
    assert kinds(cleanup)[Kind.GENERATION] == [plans[0].candidate]
    assert OTHER_ENCODER not in {path for action in cleanup.actions for path in action.paths}
    assert f"all vectors stay: {odd} cannot be read" in cleanup.notes
    assert load_plan(store, plan_path(config.alias, plans[2].build_id)) == plans[2]
