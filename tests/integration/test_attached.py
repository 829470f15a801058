"""P11: what others attached to the live index stays with the alias, at promotions and rollbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from build_plans import NOW, corpus_config, ready_plan, remove_indices
from real_builds import built, documents, planned, real_config, rows, write_corpus
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, ConfigError, UnavailableError
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.switch import switch_alias
from sparse_index.operations.rollback import PREVIOUS, choose_target, roll_back
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

PUBLIC = {"bool": {"must_not": {"term": {"n": 1}}}}
SWITCHES = 12


@pytest.fixture
def alias(plain_cluster: Cluster) -> Iterator[str]:
    name = f"attached-{uuid4().hex[:8]}"
    plain_cluster.put(f"/{name}-other", {"settings": {"index.number_of_replicas": 0}})
    yield name
    plain_cluster.delete(f"/{name}-other")
    remove_indices(plain_cluster, name)


@pytest.fixture
def config(alias: str, tmp_path: Path) -> CorpusConfig:
    return real_config(alias, tmp_path)


def change(cluster: Cluster, *actions: dict[str, Any]) -> None:
    cluster.post("/_aliases", {"actions": list(actions)})


def add(index: str, alias: str, **properties: Any) -> dict[str, Any]:
    return {"add": {"index": index, "alias": alias, **properties}}


def aliases_of(cluster: Cluster, index: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(f"/{index}/_alias")[index]["aliases"]
    return found


def settings_of(cluster: Cluster, index: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(f"/{index}/_settings", flat_settings="true")[index]["settings"]
    return found


def live(cluster: Cluster, alias: str) -> Plan:
    plan = ready_plan(cluster, alias, documents=3, build_id="20250301T060000-aaaaaa")
    promote(cluster, plan, now=NOW)
    return plan


def attach(cluster: Cluster, index: str, alias: str) -> dict[str, Any]:
    """A filter, routing and two further aliases, one of them on another index too; as the server gives them back."""
    change(
        cluster,
        add(index, alias, filter=PUBLIC, index_routing="a", search_routing="a,b", is_hidden=True, is_write_index=True),
        add(index, f"{alias}-reports", filter={"term": {"n": 2}}, is_write_index=False),
        add(index, f"{alias}-all"),
        add(f"{alias}-other", f"{alias}-all"),
    )
    return aliases_of(cluster, index)


def test_everything_moves_with_the_alias_and_back_again(plain_cluster: Cluster, alias: str, tmp_path: Path) -> None:
    first = live(plain_cluster, alias)
    attached = attach(plain_cluster, first.candidate, alias)
    assert len(attached) == 3
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=4, build_id="20250302T060000-aaaaaa")
    promote(plain_cluster, second, now=NOW)
    assert aliases_of(plain_cluster, second.candidate) == attached
    assert aliases_of(plain_cluster, first.candidate) == {}
    assert f"{alias}-all" in aliases_of(plain_cluster, f"{alias}-other")
    change(plain_cluster, add(second.candidate, f"{alias}-later"))
    config = corpus_config(alias, str(tmp_path))
    target = choose_target(plain_cluster, config, PREVIOUS, now=NOW, run_id="r")
    for _ in range(2):
        roll_back(plain_cluster, Store(config.store), config, target, now=NOW)
        assert aliases_of(plain_cluster, first.candidate) == attached | {f"{alias}-later": {}}
    assert aliases_of(plain_cluster, second.candidate) == {}


def test_a_hidden_document_is_never_seen_while_the_alias_moves(plain_cluster: Cluster, alias: str) -> None:
    first = live(plain_cluster, alias)
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=3)
    change(plain_cluster, add(first.candidate, alias, is_write_index=True, filter=PUBLIC))
    ended, seen, searches = Event(), set[str](), 0

    def read() -> int:
        count = 0
        while not ended.is_set():
            hits = plain_cluster.get(f"/{alias}/_search", {"size": 10})["hits"]["hits"]
            seen.update(hit["_id"] for hit in hits)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            promote(plain_cluster, second, now=NOW)
            for number in range(SWITCHES):
                former, to = ((second, first), (first, second))[number % 2]
                switch_alias(plain_cluster, alias, former=former.candidate, to=to.candidate)
        finally:
            ended.set()
        searches = sum(reader.result() for reader in readers)
    assert searches > SWITCHES
    assert seen == {"0", "2"}


class ChangedBefore(Cluster):
    """Just before the request that moves the alias reaches the cluster, once, a person does something."""

    def __init__(self, real: Cluster, act: Callable[[], None]) -> None:
        self.real, self.act = real, act
        self.acted = False

    def request(self, method: str, path: str, *arguments: object, **options: object) -> object:
        if path == "/_aliases" and not self.acted:
            self.acted = True
            self.act()
        return self.real.request(method, path, *arguments, **options)  # type: ignore[arg-type]


class LosesTheAnswer(Cluster):
    def __init__(self, real: Cluster) -> None:
        self.real = real

    def request(self, method: str, path: str, *arguments: object, **options: object) -> object:
        answer = self.real.request(method, path, *arguments, **options)  # type: ignore[arg-type]
        if path == "/_aliases":
            raise UnavailableError("POST /_aliases: connection reset")
        return answer


def test_what_a_person_changes_until_the_switch_counts(plain_cluster: Cluster, alias: str) -> None:
    first = live(plain_cluster, alias)
    attach(plain_cluster, first.candidate, alias)
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=1)
    change(plain_cluster, add(first.candidate, alias, is_write_index=True, filter={"term": {"n": 0}}))
    taken_away = {"remove": {"index": first.candidate, "alias": f"{alias}-reports"}}
    promote(ChangedBefore(plain_cluster, lambda: change(plain_cluster, taken_away)), second, now=NOW)
    assert aliases_of(plain_cluster, second.candidate) == {
        alias: {"filter": {"term": {"n": 0}}, "is_write_index": True},
        f"{alias}-all": {},
    }
    assert aliases_of(plain_cluster, first.candidate) == {}


def test_a_lost_answer_has_moved_everything(plain_cluster: Cluster, alias: str) -> None:
    first = live(plain_cluster, alias)
    attached = attach(plain_cluster, first.candidate, alias)
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=1)
    for _ in range(2):
        assert promote(LosesTheAnswer(plain_cluster), second, now=NOW).live == second.candidate
        assert aliases_of(plain_cluster, second.candidate) == attached


def test_a_filter_that_the_new_index_cannot_answer_keeps_the_alias_where_it_is(
    plain_cluster: Cluster, alias: str
) -> None:
    first = live(plain_cluster, alias)
    change(plain_cluster, add(first.candidate, f"{alias}-reports", filter=PUBLIC))
    without_n = ready_plan(plain_cluster, alias, live=first.candidate)
    with pytest.raises(
        BuildError, match=rf"filter of alias '{alias}-reports' names n, which the new index does not have"
    ):
        promote(plain_cluster, without_n, now=NOW)
    assert observe_alias(plain_cluster, alias).index == first.candidate


def test_a_read_only_live_index_is_named_before_anything_is_touched(plain_cluster: Cluster, alias: str) -> None:
    first = live(plain_cluster, alias)
    second = ready_plan(plain_cluster, alias, live=first.candidate)
    block = f"/{first.candidate}/_settings"
    plain_cluster.put(block, {"index.blocks.read_only": True})
    try:
        with pytest.raises(
            BuildError, match=rf"{first.candidate} is read-only \(index.blocks.read_only\), so its aliases"
        ):
            promote(plain_cluster, second, now=NOW)
    finally:
        plain_cluster.put(block, {"index.blocks.read_only": None})
    assert "index.blocks.write" not in settings_of(plain_cluster, second.candidate)
    promote(plain_cluster, second, now=NOW)


def test_a_closed_live_index_can_be_left(plain_cluster: Cluster, alias: str) -> None:
    first = live(plain_cluster, alias)
    attached = attach(plain_cluster, first.candidate, alias)
    second = ready_plan(plain_cluster, alias, live=first.candidate, documents=1)
    plain_cluster.post(f"/{first.candidate}/_close")
    promote(plain_cluster, second, now=NOW)
    assert aliases_of(plain_cluster, second.candidate) == attached


def test_settings_of_the_live_index_are_taken_over_or_named(plain_cluster: Cluster, config: CorpusConfig) -> None:
    write_corpus(config, rows(3))
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    carried = {
        "index.max_result_window": "50000",
        "index.refresh_interval": "7s",
        "index.search.slowlog.threshold.query.warn": "10s",
        "index.highlight.max_analyzed_offset": "2000000",
        "index.priority": "5",
    }
    others = {"index.gc_deletes": "10s", "index.merge.policy.deletes_pct_allowed": "33"}
    plain_cluster.put(f"/{first.candidate}/_settings", carried | others)
    full = planned(plain_cluster, config, Mode.FULL)
    listed = "index.gc_deletes=10s, index.merge.policy.deletes_pct_allowed=33"
    assert [note for note in full.notes if listed in note]
    built(plain_cluster, config, full)
    assert carried.items() <= settings_of(plain_cluster, full.candidate).items()
    assert "index.gc_deletes" not in settings_of(plain_cluster, full.candidate)
    plain_cluster.put(f"/{full.candidate}/_settings", {"index.priority": None, "index.max_result_window": 40000})
    write_corpus(config, rows(4))
    delta = planned(plain_cluster, config)
    assert (delta.kind, delta.notes) == (BuildKind.DELTA, [])
    built(plain_cluster, config, delta)
    after = settings_of(plain_cluster, delta.candidate)
    assert "index.priority" not in after
    assert after["index.max_result_window"] == "40000"
    assert after["index.refresh_interval"] == "7s"
    write_corpus(config, rows(5))
    assert planned(plain_cluster, config).notes == [], "what the server gives every clone is nobody's wish"


def test_limits_that_a_person_lowered_on_the_live_index(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """Those of searches go along and are kept to; under those of the mapping a clone would find no node."""
    write_corpus(config, rows(12))
    first = planned(plain_cluster, config)
    built(plain_cluster, config, first)
    limits = {"index.max_result_window": "5", "index.max_terms_count": "1"}
    limits |= {f"index.mapping.{name}.limit": "1" for name in ("total_fields", "depth", "field_name_length")}
    plain_cluster.put(f"/{first.candidate}/_settings", limits)
    write_corpus(config, rows(25))
    second = planned(plain_cluster, config)
    built(plain_cluster, config, second)
    there = settings_of(plain_cluster, second.candidate)
    assert {name: there.get(name) for name in limits} == {
        "index.max_result_window": "5",
        "index.max_terms_count": "1",
        "index.mapping.total_fields.limit": "1000",
        "index.mapping.depth.limit": None,
        "index.mapping.field_name_length.limit": None,
    }
    assert plain_cluster.get(f"/{config.alias}/_count")["count"] == 25


def owning(config: CorpusConfig, **index: Any) -> CorpusConfig:
    raw = config.model_dump(exclude_unset=True)
    return CorpusConfig.model_validate(raw | {"index": raw["index"] | index})


def test_the_corpus_file_owns_filter_and_settings(plain_cluster: Cluster, config: CorpusConfig) -> None:
    """Also on a day on which nothing else changed, and against what somebody did by hand."""
    write_corpus(config, rows(4))
    built(plain_cluster, config, planned(plain_cluster, config))
    hidden = {"bool": {"must_not": {"term": {"stock": 1}}}}
    owned = owning(config, alias={"filter": hidden}, settings={"max_result_window": 30000})
    for _ in range(2):
        plan = planned(plain_cluster, owned)
        assert plan.kind is BuildKind.DELTA
        assert plan.counts.unchanged == 4
        assert "index.max_result_window is the default and becomes 30000" in plan.reasons
        assert any(note.startswith(f"the corpus file wins: filter of alias '{config.alias}'") for note in plan.notes)
        built(plain_cluster, owned, plan)
        assert sorted(documents(plain_cluster, config.alias)) == ["d0", "d2", "d3"]
        assert planned(plain_cluster, owned).kind is BuildKind.NOTHING
        change(plain_cluster, add(plan.candidate, config.alias, is_write_index=True))
        plain_cluster.put(f"/{plan.candidate}/_settings", {"index.max_result_window": None})
    static = owning(config, settings={"sort": {"field": "id", "order": "desc"}})
    plan = planned(plain_cluster, static)
    assert plan.kind is BuildKind.FULL
    built(plain_cluster, static, plan)
    assert settings_of(plain_cluster, plan.candidate)["index.sort.field"] == "id"


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"settings": {"max_result_window": "many"}}, "Failed to parse value \\[many\\]"),
        ({"settings": {"max_resultwindow": 5}}, "unknown setting \\[index.max_resultwindow\\]"),
        ({"alias": {"filter": {"trem": {"stock": 1}}}}, "unknown field \\[trem\\]"),
        ({"alias": {"filter": {"term": {"stok": 1}}}}, "names stok, which the new index does not have"),
    ],
)
def test_what_the_cluster_would_refuse_is_refused_by_the_plan(
    plain_cluster: Cluster, config: CorpusConfig, index: dict[str, Any], words: str
) -> None:
    write_corpus(config, rows(2))
    with pytest.raises((BuildError, ConfigError), match=words):
        planned(plain_cluster, owning(config, **index))
