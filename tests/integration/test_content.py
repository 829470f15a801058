"""Reconcile proves by content what the candidate holds: a changed field, weight or document stops the build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from build_plans import remove_indices
from real_builds import (
    Row,
    built,
    closed,
    documents,
    indexed,
    make_vectors,
    planned,
    real_config,
    rows,
    write_corpus,
)
from sparse_index.books.content import UNCHANGED, WRITTEN, require_same_content
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.live.alias import observe_alias
from sparse_index.store.files import Store
from sparse_index.timing import utc_now

pytestmark = pytest.mark.integration


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"c-{uuid4().hex[:8]}", tmp_path)
    write_corpus(config, rows(20))
    yield config
    remove_indices(plain_cluster, config.alias)


def wrong(cluster: Cluster, index: str, document: str, change: Row) -> None:
    """What somebody's hand makes of one document."""
    source = cluster.get(f"/{index}/_doc/{document}")["_source"]
    cluster.put(f"/{index}/_doc/{document}", source | change, refresh="true")


def test_what_a_pipeline_changes_on_the_way_in_is_named(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """Set on the candidate after it was made, where no neutral setting helps."""
    plan, store, pipeline = planned(plain_cluster, config), Store(config.store), f"{config.alias}-mask"
    mask = {"set": {"field": "body", "value": "masked", "if": "ctx.id == 'd7'"}}
    plain_cluster.put(f"/_ingest/pipeline/{pipeline}", {"processors": [mask]})
    try:
        make_vectors(store, plan)
        prepare_candidate(plain_cluster, store, plan)
        plain_cluster.put(f"/{plan.candidate}/_settings", {"index.final_pipeline": pipeline})
        for part in plan.index_parts:
            index_part(plain_cluster, store, plan, part)
        with pytest.raises(
            BuildError,
            match=rf'{plan.candidate} does not hold .*: document d7 has body "masked", the corpus says "body number 7"\. '
            "Something changes documents on their way into the index",
        ):
            closed(plain_cluster, store, plan)
    finally:
        plain_cluster.put(f"/{plan.candidate}/_settings", {"index.final_pipeline": None})
        plain_cluster.delete(f"/_ingest/pipeline/{pipeline}")
    assert observe_alias(plain_cluster, config.alias).index is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": "x" * 500}, r'd3 has title "x{59}\.\.\., the corpus says "title 3"'),
        ({"stock": 3.0}, r"d3 has stock 3\.0, the corpus says 3"),
        ({"stock": "3"}, r'd3 has stock "3", the corpus says 3'),
        ({"text_sparse": {"one": 1}}, r"d3 has text_sparse\.[0-9a-f]{4} nothing, the corpus says \d\.\d+"),
        ({"seen": "2020-01-01"}, r'd3 has seen "2020-01-01", the corpus says nothing'),
    ],
    ids=["text", "number", "number as text", "vector", "added"],
)
def test_one_field_of_one_document(plain_cluster: Cluster, config: CorpusConfig, change: Row, words: str) -> None:
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    wrong(plain_cluster, plan.candidate, "d3", change)
    with pytest.raises(BuildError, match=words):
        reconcile(plain_cluster, Store(config.store), plan)


def test_another_document_in_the_place_of_one(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """The count is what the books say."""
    plan = planned(plain_cluster, config)
    indexed(plain_cluster, config, plan)
    plain_cluster.put(f"/{plan.candidate}/_doc/other", {"title": "not of the corpus"})
    plain_cluster.delete(f"/{plan.candidate}/_doc/d4", refresh="true")
    with pytest.raises(BuildError, match="document d4 is not there"):
        reconcile(plain_cluster, Store(config.store), plan)


def test_what_somebody_changed_in_the_live_index_ends_with_mode_full(
    plain_cluster: Cluster, config: CorpusConfig
) -> None:
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    plain_cluster.put(f"/{first.candidate}/_settings", {"index.blocks.write": None})
    wrong(plain_cluster, first.candidate, "d5", {"body": "corrected by hand"})
    write_corpus(config, rows(21))
    delta = planned(plain_cluster, config)
    with pytest.raises(
        BuildError,
        match=f"document d5 has body .* This build did not write them: they were changed in {first.candidate}.*mode full",
    ):
        built(plain_cluster, config, delta)
    assert observe_alias(plain_cluster, config.alias).index == first.candidate


def test_refused_documents_are_not_looked_for(plain_cluster: Cluster, config: CorpusConfig) -> None:
    content = rows(20)
    content[2]["seen"], content[3]["body"] = None, "  "
    write_corpus(config, content)
    plan = planned(plain_cluster, config)
    refused = Store(config.store).read_table(plan.encode_parts[0].path).column("text_hash")[5].as_py()
    books = built(plain_cluster, config, plan, without={refused})
    assert (books.documents, books.dead_letters) == (19, 1)
    assert len(documents(plain_cluster, config.alias)) == 19


def chosen(store: Store, plan: Plan, name: str) -> list[Row]:
    path = f"{plan.folder}/parts/content-{name}.parquet"
    found: list[Row] = store.read_table(path, ["id", "file", "row_group", "row"]).to_pylist()
    return found


def test_of_many_documents_a_sample_is_read_from_few_places(plain_cluster: Cluster, config: CorpusConfig) -> None:
    count, store = WRITTEN.all_up_to + 200, Store(config.store)
    write_corpus(config, rows(count))
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    sample = chosen(store, first, "written")
    assert len(sample) == WRITTEN.documents
    assert len({row["row_group"] for row in sample}) <= WRITTEN.row_groups
    assert chosen(store, first, "unchanged") == []
    require_same_content(plain_cluster, store, first, utc_now)
    assert chosen(store, first, "written") == sample

    write_corpus(config, rows(count + 3))
    second = planned(plain_cluster, config)
    built(plain_cluster, config, second)
    assert [row["id"] for row in chosen(store, second, "written")] == [f"d{count + n}" for n in range(3)]
    unchanged = chosen(store, second, "unchanged")
    assert len(unchanged) == UNCHANGED.documents
    assert len({row["row_group"] for row in unchanged}) <= UNCHANGED.row_groups
