"""Index templates of a shared cluster: what they would do to a candidate is undone, or refused before anything is encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import remove_indices
from real_builds import built, documents, made_up_vector, planned, real_config, rows, text_hash_of, write_corpus
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.preflight.examine import examine
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

Json = dict[str, Any]
PIPELINES: dict[str, Json] = {
    "c-drop": {"processors": [{"drop": {"if": "ctx.id == 'd1'"}}]},
    "c-mask": {"processors": [{"set": {"field": "body", "value": "masked"}}]},
}


@dataclass(frozen=True)
class Template:
    """`api`: `_index_template` or the legacy `_template`. `component`: what a component template of it says."""

    template: Json
    api: str = "_index_template"
    component: Json = field(default_factory=dict)
    notes: tuple[str, ...] = ()


# Everything here would change, drop, hide or refuse documents, or make the build fail.
SETTINGS = {
    "index.default_pipeline": "c-drop",
    "index.final_pipeline": "c-mask",
    "index.blocks.write": True,
    "index.blocks.read_only": True,
    "index.hidden": True,
    "index.auto_expand_replicas": "0-all",
    "index.max_result_window": 5,
    "index.number_of_shards": 3,
    "index.number_of_routing_shards": 6,
    "index.number_of_replicas": 2,
    "index.refresh_interval": "1ms",
    "index.mapping.total_fields.limit": 3,
    "index.mapping.depth.limit": 1,
    "index.sort.field": "id",
    "index.sort.order": "desc",
    "index.translog.durability": "async",
    "index.append_only.enabled": True,
    "index.codec": "best_compression",
    "index.routing.allocation.enable": "none",
    "index.search.default_pipeline": "not-there",
    "index.max_terms_count": 2,
    "index.analysis.analyzer.default.type": "keyword",
    "index.similarity.default.type": "boolean",
}
MAPPINGS: Json = {
    "_routing": {"required": True},
    "_source": {"excludes": ["text_sparse"]},
    "dynamic": True,
    "date_detection": False,
    "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
    "properties": {
        "id": {"type": "keyword"},
        "body": {"type": "keyword", "ignore_above": 5, "copy_to": "everything", "fields": {"raw": {"type": "keyword"}}},
        "everything": {"type": "text"},
        "@timestamp": {"type": "date"},
    },
}
SORTED = {"properties": {"id": {"type": "keyword"}}}
UNDONE = {
    "settings": Template(
        {"settings": SETTINGS, "mappings": SORTED}, notes=("index.default_pipeline", "index.max_result_window")
    ),
    "mappings": Template({"mappings": MAPPINGS}),
    "no source": Template({"mappings": {"_source": {"enabled": False}}}),
    "derived source": Template(
        {"settings": {"index.derived_source.enabled": True}}, notes=("index.derived_source.enabled",)
    ),
    "legacy": Template(
        {"settings": {"index.final_pipeline": "c-mask", "index.hidden": True}, "mappings": MAPPINGS},
        "_template",
        notes=("Legacy template", "index.final_pipeline"),
    ),
    "component": Template(
        {}, component={"settings": {"index.final_pipeline": "c-mask"}}, notes=("index.final_pipeline",)
    ),
    "pipeline that is not there": Template({"settings": {"index.default_pipeline": "c-not-there"}}),
    "another alias": Template({"aliases": {"c-all": {}}}, notes=("c-all",)),
}


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = real_config(f"c-{uuid4().hex[:8]}", tmp_path, cluster_settings="ensure")
    write_corpus(config, rows(6))
    yield config
    remove_indices(plain_cluster, config.alias)


@contextmanager
def shared(cluster: Cluster, config: CorpusConfig, template: Template) -> Iterator[None]:
    """The cluster with this template for every index of the alias."""
    name, body = config.alias, template.template
    for pipeline, processors in PIPELINES.items():
        cluster.put(f"/_ingest/pipeline/{pipeline}", processors)
    if template.component:
        cluster.put(f"/_component_template/{name}", {"template": template.component})
    if template.api == "_index_template":
        body = {"template": body, "priority": 1, "composed_of": [name] if template.component else []}
    cluster.put(f"/{template.api}/{name}", body | {"index_patterns": [f"{name}-*"]})
    try:
        yield
    finally:
        cluster.delete(f"/{template.api}/{name}")
        if template.component:
            cluster.delete(f"/_component_template/{name}")
        for pipeline in PIPELINES:
            cluster.delete(f"/_ingest/pipeline/{pipeline}")


def require_content(cluster: Cluster, config: CorpusConfig, plan: Plan, count: int) -> None:
    """What is live is what the corpus says, vectors included, and can be found by them."""
    store = Store(config.store)
    for found in (there := documents(cluster, config.alias)).values():
        vector = made_up_vector(text_hash_of(store, plan, found["id"]))
        assert found.pop("text_sparse") == pytest.approx(dict(zip(vector.tokens, vector.weights, strict=True)))
    assert there == {row["id"]: row for row in rows(count)}
    token = made_up_vector(text_hash_of(store, plan, "d1")).tokens[0]
    sparse = {"neural_sparse": {"text_sparse": {"query_tokens": {token: 1.0}}}}
    assert "d1" in [hit["_id"] for hit in cluster.post(f"/{config.alias}/_search", {"query": sparse})["hits"]["hits"]]
    words = {"query": {"match": {"body": "NUMBER"}}, "size": count}
    assert cluster.post(f"/{config.alias}/_search", words)["hits"]["total"]["value"] == count


@pytest.mark.parametrize("name", UNDONE)
def test_what_a_template_brings_does_not_reach_the_documents(
    plain_cluster: Cluster, config: CorpusConfig, name: str
) -> None:
    template = UNDONE[name]
    with shared(plain_cluster, config, template):
        report = examine(plain_cluster, config, Store(config.store))
        assert report.problems == ()
        first = planned(plain_cluster, config)
        for words in template.notes:
            assert any(words in warning for warning in report.warnings)
            assert any(words in note for note in first.notes)
        assert set(plain_cluster.get(f"/{config.alias}-*/_alias", expand_wildcards="all")) == set()
        built(plain_cluster, config, first)
        require_content(plain_cluster, config, first, 6)
        write_corpus(config, rows(7))
        second = planned(plain_cluster, config)
        assert second.kind is BuildKind.DELTA
        built(plain_cluster, config, second)
        require_content(plain_cluster, config, second, 7)
        assert set(plain_cluster.get(f"/{second.candidate}/_alias")[second.candidate]["aliases"]) == {config.alias}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that are not there do not come while a trial waits for them."""
    monkeypatch.setattr("sparse_index.creation.create._TRIAL_TIMEOUT_S", 2)


@pytest.mark.usefixtures("impatient")
def test_nodes_that_the_live_index_asks_for_and_that_are_gone(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """A clone has the rules of its source, which itself stays where it is."""
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    write_corpus(config, rows(7))
    rule = {"index.routing.allocation.require.box": "gone"}
    plain_cluster.put(f"/{first.candidate}/_settings", rule)
    words = r"found no node within 2 s.*box:\\?\"gone.*or the live index"
    with pytest.raises(BuildError, match=words):
        planned(plain_cluster, config)
    (problem,) = examine(plain_cluster, config, Store(config.store)).problems
    assert re.search(words, problem.message)
    assert set(plain_cluster.get(f"/{config.alias}-*/_alias", expand_wildcards="all")) == {first.candidate}
    there = {"index.routing.allocation.include._name": "*"}
    plain_cluster.put(f"/{first.candidate}/_settings", dict.fromkeys(rule) | there)
    assert examine(plain_cluster, config, Store(config.store)).ready
    second = planned(plain_cluster, config)
    assert second.kind is BuildKind.DELTA
    built(plain_cluster, config, second)
    require_content(plain_cluster, config, second, 7)


@pytest.mark.usefixtures("impatient")
def test_a_shard_beside_the_first_that_finds_no_node(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """The cluster places the first of two, and has no reason to give for that one."""
    two = config.model_copy(update={"index": config.index.model_copy(update={"shards": 2})})
    template = {"settings": {"index.routing.allocation.total_shards_per_node": 1}}
    body = {"index_patterns": [f"{config.alias}-*"], "template": template, "priority": 1}
    plain_cluster.put(f"/_index_template/{config.alias}", body)
    try:
        with pytest.raises(BuildError, match="found no node within 2 s: shards_limit: too many shards"):
            planned(plain_cluster, two)
    finally:
        plain_cluster.delete(f"/_index_template/{config.alias}")


REFUSED: dict[str, tuple[Json, Json, str]] = {
    "data stream": ({"data_stream": {}}, {}, "creates data streams only.*Narrow the index patterns"),
    "alias": ({}, {"aliases": {"<alias>": {}}}, "would put every new index of .* behind that alias"),
    "vector of another type": (
        {},
        {"mappings": {"properties": {"text_sparse": {"type": "object"}}}},
        "The cluster refuses an index like .*text_sparse",
    ),
    "search analyzer of all fields": (
        {},
        {"settings": {"index.analysis.analyzer.default_search.type": "keyword"}},
        "default_search.type.*cannot be taken away",
    ),
    "nodes that are not there": (
        {},
        {"settings": {"index.routing.allocation.require.box": "hot"}},
        r"found no node within 2 s.*box:\\?\"hot",
    ),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_undone_is_refused_before_anything_is_encoded(
    plain_cluster: Cluster, config: CorpusConfig, name: str
) -> None:
    head, template, words = REFUSED[name]
    aliases: Json = {config.alias if alias == "<alias>" else alias: {} for alias in template.get("aliases", {})}
    body = head | {"template": template | ({"aliases": aliases} if aliases else {}), "priority": 1}
    plain_cluster.put(f"/_index_template/{config.alias}", body | {"index_patterns": [f"{config.alias}-*"]})
    try:
        with pytest.raises(BuildError, match=words):
            planned(plain_cluster, config)
        report = examine(plain_cluster, config, Store(config.store))
        assert [problem.error for problem in report.problems] == [BuildError]
        assert plain_cluster.get(f"/{config.alias}-*/_alias", expand_wildcards="all") == {}
    finally:
        plain_cluster.delete(f"/_index_template/{config.alias}")
