"""P1, P2, P9 on the real server: what a plan says becomes an index, or the build stops and says why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import NOW, no_sleep, remove_indices
from real_builds import (
    built,
    documents,
    indexed,
    made_up_vector,
    make_vectors,
    planned,
    real_config,
    rows,
    text_hash_of,
    write_corpus,
)
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.creation.create import create_index
from sparse_index.errors import BuildError, CorpusError, TerminalError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices
from sparse_index.live.meta import read_meta
from sparse_index.store.files import Store
from sparse_index.timing import Timing

pytestmark = pytest.mark.integration
COUNT = 120
NO_ADDRESS = "no address"


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    alias = f"build-{uuid4().hex[:8]}"
    config = real_config(alias, tmp_path)
    write_corpus(config, rows(COUNT))
    yield config
    remove_indices(plain_cluster, alias)


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    return Store(config.store)


def with_addresses(config: CorpusConfig) -> CorpusConfig:
    """The corpus with titles that the cluster looks at: it knows what an address is, we do not."""
    index = config.index.model_copy(update={"fields": {"title": {"type": "ip"}}})
    return config.model_copy(update={"index": index})


def addressed(*wrong: int) -> list[dict[str, object]]:
    return [row | {"title": NO_ADDRESS if n in wrong else f"10.0.0.{n}"} for n, row in enumerate(rows(COUNT))]


def test_every_document_arrives_with_its_own_vector(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    plan = planned(plain_cluster, config)
    books = built(plain_cluster, config, plan)
    assert (books.documents, books.encoded, books.dead_letters, books.health) == (COUNT, COUNT, 0, "green")
    found = documents(plain_cluster, config.alias)
    assert len(found) == COUNT
    for document_id, source in found.items():
        vector = made_up_vector(text_hash_of(store, plan, document_id))
        assert source.pop("text_sparse") == pytest.approx(
            dict(zip(vector.tokens, vector.weights, strict=True)), rel=1e-7
        )
        number = int(document_id[1:])
        assert source == {
            "id": document_id,
            "title": f"title {number}",
            "body": f"body number {number}",
            "stock": number,
        }


def test_weights_are_stored_as_the_shortest_float32(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    stored = documents(plain_cluster, plan.candidate)["d7"]["text_sparse"]
    vector = made_up_vector(text_hash_of(store, plan, "d7"))
    assert stored == pytest.approx(dict(zip(vector.tokens, vector.weights, strict=True)), rel=1e-7)
    assert all(len(repr(weight)) <= 11 for weight in stored.values())


def test_the_live_index_says_what_it_is_and_is_ready_to_serve(plain_cluster: Cluster, config: CorpusConfig) -> None:
    plan = planned(plain_cluster, config)
    built(plain_cluster, config, plan)
    meta = read_meta(plain_cluster, plan.candidate)
    assert meta is not None
    assert (meta.state, meta.documents, meta.build_id) == ("complete", COUNT, plan.build_id)
    settings = plain_cluster.get(f"/{plan.candidate}/_settings", flat_settings="true")[plan.candidate]["settings"]
    assert "index.refresh_interval" not in settings
    assert settings["index.number_of_replicas"] == "0"
    assert settings["index.blocks.write"] == "true"
    mapping = plain_cluster.get(f"/{plan.candidate}/_mapping")[plan.candidate]["mappings"]
    assert mapping["dynamic"] == "strict"
    assert mapping["properties"]["text_sparse"] == {"type": "rank_features"}


def test_a_part_may_be_indexed_twice(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    before = documents(plain_cluster, plan.candidate)
    indexed(plain_cluster, config, plan)
    assert documents(plain_cluster, plan.candidate) == before
    assert reconcile(plain_cluster, store, plan).documents == COUNT
    assert reconcile(plain_cluster, store, plan).documents == COUNT


def test_a_refused_text_is_a_dead_letter_for_each_document(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    content = rows(COUNT)
    content[5] |= {"title": content[4]["title"], "body": content[4]["body"]}
    write_corpus(config, content)
    plan = planned(plain_cluster, config)
    books = built(plain_cluster, config, plan, without={text_hash_of(store, plan, "d4")})
    assert (books.documents, books.dead_letters, books.encoded) == (COUNT - 2, 2, COUNT - 2)
    letters = read_letters(store, letters_path(plan, "index", 0))
    assert sorted((letter.id, letter.stage, letter.error_class) for letter in letters) == [
        ("d4", "encode", "predict_failed"),
        ("d5", "encode", "predict_failed"),
    ]
    assert '"title":"title 4"' in letters[0].source
    final = store.read_table(f"{plan.folder}/manifest-final.parquet", ["id"]).column("id").to_pylist()
    assert len(final) == COUNT - 2
    assert not {"d4", "d5"} & set(final)


def test_a_document_the_mapping_refuses_is_a_dead_letter(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    write_corpus(config, addressed(50))
    plan = planned(plain_cluster, with_addresses(config))
    books = built(plain_cluster, config, plan)
    assert (books.documents, books.dead_letters) == (COUNT - 1, 1)
    letter = read_letters(store, letters_path(plan, "index", 0))[0]
    assert (letter.id, letter.stage, letter.error_class) == ("d50", "index", "mapper_parsing_exception")
    assert "failed to parse field [title] of type [ip]" in letter.reason


def test_too_many_dead_letters_stop_the_build(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    strict = config.model_copy(update={"limits": config.limits.model_copy(update={"max_dead_letter_share": 0.001})})
    plan = planned(plain_cluster, strict)
    indexed(plain_cluster, strict, plan, without={text_hash_of(store, plan, "d1")})
    with pytest.raises(BuildError, match=r"1 of 120 rows .* are dead letters"):
        reconcile(plain_cluster, store, plan)
    assert observe_alias(plain_cluster, config.alias).members == ()


def test_the_books_name_what_is_missing(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    plain_cluster.delete(f"/{plan.candidate}/_doc/d3")
    with pytest.raises(BuildError, match=r"holds 119 documents, the books say 120 \(difference -1\)"):
        reconcile(plain_cluster, store, plan)
    store.delete(f"{plan.folder}/reports/index-00000.json")
    with pytest.raises(BuildError, match="index parts 0 of 1 have no report"):
        reconcile(plain_cluster, store, plan)


def test_a_corpus_that_changed_under_the_build_is_noticed(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    plan = planned(plain_cluster, config)
    write_corpus(config, rows(COUNT + 1))
    with pytest.raises(CorpusError, match="while the build was running"):
        indexed(plain_cluster, config, plan)


@pytest.mark.parametrize("block", ["write", "read_only_allow_delete"])
def test_a_full_disks_block_stops_the_task_at_once_without_dead_letters(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, block: str
) -> None:
    plan = planned(plain_cluster, config)
    make_vectors(store, plan)
    prepare_candidate(plain_cluster, store, plan)
    plain_cluster.put(f"/{plan.candidate}/_settings", {f"index.blocks.{block}": True})
    with pytest.raises(TerminalError, match="cluster_block_exception"):
        index_part(plain_cluster, store, plan, plan.index_parts[0], timing=Timing(sleep=no_sleep))
    assert not store.exists(letters_path(plan, "index", 0))


def test_a_late_bulk_does_not_bring_a_deleted_candidate_back(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    plain_cluster.remove(f"/{plan.candidate}")
    with pytest.raises(BuildError, match="candidate is gone"):
        index_part(plain_cluster, store, plan, plan.index_parts[0])
    assert own_indices(plain_cluster, config.alias) == []


@pytest.mark.parametrize("kind", ["_index_template", "_template"])
def test_a_template_that_would_make_the_empty_candidate_live_is_refused(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, kind: str
) -> None:
    aliases: dict[str, Any] = {"aliases": {config.alias: {}}}
    body = {"index_patterns": [f"{config.alias}-*"]} | ({"template": aliases} if kind == "_index_template" else aliases)
    plain_cluster.put(f"/{kind}/{config.alias}-trap", body)
    try:
        with pytest.raises(BuildError, match="would put every new index"):
            prepare_candidate(plain_cluster, store, planned(plain_cluster, config))
    finally:
        plain_cluster.delete(f"/{kind}/{config.alias}-trap")
    assert own_indices(plain_cluster, config.alias) == []


def test_at_most_one_failed_candidate_is_kept_and_who_takes_no_turns_leaves_that_of_a_scheduler(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    first = planned(plain_cluster, config)
    prepare_candidate(plain_cluster, store, first)
    second = planned(plain_cluster, config).model_copy(update={"build_id": "20990101T000000-abcdef"})
    prepare_candidate(plain_cluster, store, second)
    assert {index.name for index in own_indices(plain_cluster, config.alias)} == {first.candidate, second.candidate}
    prepare_candidate(plain_cluster, store, second, takes_turns=True)
    assert [index.name for index in own_indices(plain_cluster, config.alias)] == [second.candidate]


def test_a_task_killed_between_creating_and_checking_begins_again(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    """As a template leaves it that puts every new index behind somebody's alias: readers of that would see half of it."""
    plan = planned(plain_cluster, config)
    prepare_candidate(plain_cluster, store, plan)
    theirs = f"{config.alias}-everything"
    plain_cluster.post("/_aliases", {"actions": [{"add": {"index": plan.candidate, "alias": theirs}}]})
    prepare_candidate(plain_cluster, store, plan)
    assert list(plain_cluster.get(f"/{plan.candidate}/_alias")[plan.candidate]["aliases"]) == [plan.write_alias]


def test_what_a_task_killed_after_creating_did_not_check_is_checked_by_the_next(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(plain_cluster, config)
    monkeypatch.setattr(create_index, "__kwdefaults__", {"timeout_s": 1})
    template = {"settings": {"index.routing.allocation.require.box": "gone"}}
    body = {"index_patterns": [f"{config.alias}-*"], "template": template, "priority": 1}
    plain_cluster.put(f"/_index_template/{config.alias}", body)
    try:
        with monkeypatch.context() as killed:
            killed.setattr("sparse_index.creation.create._require_allocated", lambda *_: sys.exit())
            with pytest.raises(SystemExit):
                prepare_candidate(plain_cluster, store, plan)
        assert read_meta(plain_cluster, plan.candidate) is not None
        with pytest.raises(BuildError, match=r"found no node within 1 s: .*box:"):
            prepare_candidate(plain_cluster, store, plan)
        assert read_meta(plain_cluster, plan.candidate) is None
    finally:
        plain_cluster.delete(f"/_index_template/{config.alias}")


def test_a_candidate_that_was_written_is_left_as_it_is(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    plain_cluster.put(f"/{plan.candidate}/_settings", {"index.number_of_replicas": 1})
    plain_cluster.post(f"/{plan.candidate}/_refresh")
    prepare_candidate(plain_cluster, store, plan)
    assert len(documents(plain_cluster, plan.candidate)) == COUNT


def test_a_build_that_was_overtaken_is_refused(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    stale, faster = planned(plain_cluster, config), planned(plain_cluster, config)
    built(plain_cluster, config, faster)
    with pytest.raises(BuildError, match="another run was promoted meanwhile"):
        prepare_candidate(plain_cluster, store, stale)
    with pytest.raises(BuildError, match="is live already"):
        prepare_candidate(plain_cluster, store, faster)


def edited(count: int) -> list[dict[str, object]]:
    """d0 deleted, d1's fields and d2's text changed, one row new."""
    content = rows(count + 1)[1:]
    content[0]["stock"] = 999
    content[1]["body"] = "something else"
    return content


def test_a_delta_build_equals_a_full_one(plain_cluster: Cluster, config: CorpusConfig, store: Store) -> None:
    built(plain_cluster, config, planned(plain_cluster, config))
    write_corpus(config, edited(COUNT))
    delta = planned(plain_cluster, config)
    assert delta.kind is BuildKind.DELTA
    books = built(plain_cluster, config, delta)
    assert (books.unchanged, books.deleted, books.documents) == (COUNT - 3, 1, COUNT)
    by_clone = documents(plain_cluster, config.alias)
    full = planned(plain_cluster, config, Mode.FULL)
    built(plain_cluster, config, full)
    assert documents(plain_cluster, config.alias) == by_clone
    assert set(by_clone) == {f"d{n}" for n in range(1, COUNT + 1)}


def test_a_delta_build_leaves_both_indices_in_order(plain_cluster: Cluster, config: CorpusConfig) -> None:
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    write_corpus(config, edited(COUNT))
    delta = planned(plain_cluster, config)
    built(plain_cluster, config, delta)
    settings = plain_cluster.get(f"/{config.alias}--b*/_settings", flat_settings="true")
    for name in (first.candidate, delta.candidate):
        own = settings[name]["settings"]
        assert own["index.blocks.write"] == "true"
        assert "index.routing.rebalance.enable" not in own
        assert "index.refresh_interval" not in own
    meta = read_meta(plain_cluster, delta.candidate)
    assert meta is not None
    assert (meta.build_id, meta.delta_builds, meta.documents) == (delta.build_id, 1, COUNT)
    assert plain_cluster.get(f"/{first.candidate}/_count")["count"] == COUNT


def test_a_rejected_update_does_not_leave_yesterdays_version(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    config = with_addresses(config)
    write_corpus(config, addressed())
    built(plain_cluster, config, planned(plain_cluster, config))
    content = addressed(1)
    content[2]["body"] = "refused by the model"
    write_corpus(config, content)
    delta = planned(plain_cluster, config)
    books = built(plain_cluster, config, delta, without={text_hash_of(store, delta, "d2")})
    assert (books.documents, books.dead_letters) == (COUNT - 2, 2)
    assert not {"d1", "d2"} & set(documents(plain_cluster, config.alias))


def test_a_clone_killed_before_it_got_its_own_meta_is_made_anew(
    plain_cluster: Cluster, config: CorpusConfig, store: Store
) -> None:
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    write_corpus(config, edited(COUNT))
    delta = planned(plain_cluster, config)
    plain_cluster.put(f"/{first.candidate}/_clone/{delta.candidate}", {"settings": {"index.blocks.write": None}})
    plain_cluster.delete(f"/{delta.candidate}/_doc/d9")
    assert built(plain_cluster, config, delta).documents == COUNT


def test_the_search_pipeline_goes_along_but_not_a_missing_one(plain_cluster: Cluster, config: CorpusConfig) -> None:
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    pipeline = f"{config.alias}-pipeline"
    plain_cluster.put(f"/_search/pipeline/{pipeline}", {"request_processors": []})
    plain_cluster.put(f"/{first.candidate}/_settings", {"index.search.default_pipeline": pipeline})
    write_corpus(config, edited(COUNT))
    second = planned(plain_cluster, config)
    built(plain_cluster, config, second)
    setting = plain_cluster.get(f"/{second.candidate}/_settings", flat_settings="true")[second.candidate]["settings"]
    assert setting["index.search.default_pipeline"] == pipeline
    plain_cluster.delete(f"/_search/pipeline/{pipeline}")
    third = planned(plain_cluster, config, Mode.FULL)
    built(plain_cluster, config, third)
    assert len(documents(plain_cluster, config.alias)) == COUNT


def test_promote_refuses_what_reconcile_has_not_seen(plain_cluster: Cluster, config: CorpusConfig) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    with pytest.raises(BuildError, match="in state building, not complete"):
        promote(plain_cluster, plan, now=NOW)
