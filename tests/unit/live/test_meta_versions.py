"""An index that another version of the package built is ours all the same, and says who built it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster
from plan_help import FakeCluster, config_at, live_cluster, planned, row, write
from sparse_index import __version__
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.live.meta import meta_of, read_meta, write_meta
from sparse_index.store.files import Store

INDEX = "things--b20260102t030405-000abc"
FIXTURES = sorted((Path(__file__).parents[2] / "support" / "fixtures" / "forms").glob("*/meta.json"))
MOST_BYTES = 4_096
Body = dict[str, Any]


def cluster_with(content: Any) -> tuple[Cluster, Callable[[], Body]]:
    """One index whose `_meta` of ours is `content`, and how it is now."""
    mappings: Body = {"_meta": {"sparse_index": content}}

    def answer(method: str, path: str, body: Any) -> Any:
        assert path == f"/{INDEX}/_mapping"
        if method == "PUT":
            mappings.update(body)
        return {INDEX: {"mappings": mappings}}

    return fake_cluster(answer), lambda: dict(mappings["_meta"]["sparse_index"])


def newest() -> Body:
    content: Body = json.loads(FIXTURES[0].read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_that_of_any_version_is_read_and_written_again_whole(path: Path) -> None:
    written = json.loads(path.read_text(encoding="utf-8"))
    cluster, now = cluster_with(written)
    meta = read_meta(cluster, INDEX)
    assert meta is not None
    assert (meta.build_id, meta.documents, meta.form, meta.is_later) == ("20260102T030405-000abc", 7, 1, False)
    write_meta(cluster, INDEX, meta.model_copy(update={"documents": 8}))
    assert now() == written | {"documents": 8}, "no key more: that version would take it for a stranger's"


def test_what_a_later_version_says_stays_as_it_said_it() -> None:
    later = newest() | {"form": 2, "written_by": "7.8.9", "vectors": {"title": {"kind": "dense"}}}
    cluster, now = cluster_with(later)
    meta = read_meta(cluster, INDEX)
    assert meta is not None
    assert meta.is_later
    write_meta(cluster, INDEX, meta.model_copy(update={"documents": 6}))
    assert later.items() <= (now() | {"documents": 7}).items()
    with pytest.raises(BuildError, match=rf"^{INDEX} is an index of form 2, .* version 7\.8\.9 wrote it\."):
        meta.require_known(INDEX)


def test_one_of_a_later_form_is_never_taken_for_foreign() -> None:
    for content, said in (
        ({"form": 3, "written_by": "9.0.0"}, "form 3"),
        (newest() | {"form": 2, "state": "half"}, ""),
    ):
        with pytest.raises(BuildError, match=f"is an index of {said}"):
            read_meta(cluster_with(content)[0], INDEX)
    for foreign in ({}, {"alias": "things", "somebody": "else"}, "text", None):
        assert read_meta(cluster_with(foreign)[0], INDEX) is None


def test_it_is_small_and_signed() -> None:
    content = meta_of(make_plan(corpus_config("a" * 100))).model_dump(mode="json")
    assert (content["form"], content["written_by"]) == (1, __version__)
    assert len(json.dumps(content)) < MOST_BYTES


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1), row(2)])
    return config


def cluster_of_later(config: CorpusConfig, live: Plan | None = None) -> FakeCluster:
    return live_cluster(config, live or planned(config), meta={"form": 2, "written_by": "7.8.9"})


def test_a_plan_stops_before_an_index_of_a_later_version(config: CorpusConfig) -> None:
    with pytest.raises(
        BuildError, match=r"version 7\.8\.9 wrote it\. Nothing was changed\. Run that version or a later"
    ):
        planned(config, cluster=cluster_of_later(config), token="abcdef01")


def test_a_snapshot_is_built_anew_when_that_is_asked_for(config: CorpusConfig) -> None:
    plan = planned(config, cluster=cluster_of_later(config), token="abcdef01", mode="full")
    assert (plan.kind, plan.reasons) == (BuildKind.FULL, ["full mode was asked for"])


def test_types_that_a_later_version_decided_hinder_no_full_build(config: CorpusConfig, tmp_path: Path) -> None:
    live, store = planned(config), Store(config.store)
    assert live.schema_path is not None
    store.write_json(live.schema_path, store.read_json(live.schema_path) | {"form": 2, "written_by": "7.8.9"})
    write(tmp_path / "corpus", [row(1) | {"author": "a"}, row(2) | {"author": "b"}])
    plan = planned(
        config, cluster=cluster_of_later(config, live), token="abcdef01", mode="full", accept_mass_change=True
    )
    assert plan.kind is BuildKind.FULL
    with pytest.raises(BuildError, match=r"^things--b.* is an index of form 2, .* version 7\.8\.9 wrote it"):
        planned(config, cluster=cluster_of_later(config, live), token="abcdef02")


def test_further_keys_alone_stop_nobody(config: CorpusConfig) -> None:
    live = planned(config)
    further = {"written_by": "7.8.9", "promoted_by": "somebody"}
    plan = planned(config, cluster=live_cluster(config, live, meta=further), token="abcdef01")
    assert plan.kind is BuildKind.NOTHING
