"""Going back on the real server: the right generation, checked, in one switch, repeatable, and refused when it is unfit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import NOW, complete_candidate, corpus_config, make_plan, remove_indices
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.index.promote import promote
from sparse_index.live.alias import observe_alias
from sparse_index.live.generations import own_indices
from sparse_index.live.meta import read_meta, write_meta
from sparse_index.live.switch import switch_alias
from sparse_index.operations.rollback import PREVIOUS, ROLLBACK, Rollback, Target, choose_target, roll_back
from sparse_index.store.files import Store

pytestmark = pytest.mark.integration

DOCUMENTS = (3, 2, 1)


@pytest.fixture
def config(plain_cluster: Cluster, tmp_path: Path) -> Iterator[CorpusConfig]:
    config = corpus_config(f"rollback-{uuid4().hex[:8]}", str(tmp_path / "store"), retention={"generations": 3})
    yield config
    remove_indices(plain_cluster, config.alias)


@pytest.fixture
def generations(plain_cluster: Cluster, config: CorpusConfig) -> list[str]:
    """Three indices that went live one after the other, with 3, 2 and 1 documents; the last one is live."""
    live: str | None = None
    for number, documents in enumerate(DOCUMENTS):
        plan = make_plan(config, live_index=live, build_id=f"2025030{number + 1}T060000-abcdef")
        live = complete_candidate(plain_cluster, plan, documents)
        promote(plain_cluster, plan, now=NOW)
    return sorted(index.name for index in own_indices(plain_cluster, config.alias))


def chosen(cluster: Cluster, config: CorpusConfig, to: str = PREVIOUS) -> Target:
    return choose_target(cluster, config, to, now=NOW, run_id="r1")


def back(cluster: Cluster, config: CorpusConfig, to: str = PREVIOUS) -> Rollback:
    return roll_back(cluster, Store(config.store), config, chosen(cluster, config, to), now=NOW)


def count(cluster: Cluster, alias: str) -> int:
    return int(cluster.get(f"/{alias}/_count")["count"])


def settings(cluster: Cluster, index: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get(f"/{index}/_settings", flat_settings="true")[index]["settings"]
    return found


def withdrawn(cluster: Cluster, config: CorpusConfig) -> list[str]:
    return [index.name for index in own_indices(cluster, config.alias) if index.meta.withdrawn_at]


def test_previous_is_the_one_before_and_never_one_that_was_withdrawn(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    first, second, third = generations
    done = back(plain_cluster, config)
    assert (done.live, done.former, done.documents) == (second, third, 2)
    assert count(plain_cluster, config.alias) == 2
    assert withdrawn(plain_cluster, config) == [third]
    assert ROLLBACK.load(Store(config.store), done.record) == done
    assert back(plain_cluster, config).live == first
    assert withdrawn(plain_cluster, config) == [third, second]
    with pytest.raises(BuildError) as caught:
        chosen(plain_cluster, config)
    assert f"has no previous generation to go back to; live is {first}" in caught.value.message
    assert caught.value.message.count("withdrawn by a rollback") == 2


def test_an_alias_that_somebody_deleted_comes_back(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    """What a feed's run says to do when nothing is live."""
    plain_cluster.post("/_aliases", {"actions": [{"remove": {"index": generations[-1], "alias": config.alias}}]})
    done = back(plain_cluster, config)
    assert (done.live, done.former) == (generations[-1], None)
    assert observe_alias(plain_cluster, config.alias).members == (generations[-1],)


def test_a_generation_is_named_by_its_index_or_its_build_also_forward(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    first, second, third = generations
    assert back(plain_cluster, config, "20250301T060000-abcdef").live == first
    assert withdrawn(plain_cluster, config) == [third, second], "it goes back over the second"
    forward = back(plain_cluster, config, third)
    assert (forward.live, forward.former) == (third, first)
    assert withdrawn(plain_cluster, config) == [second], "whom a person puts live again is wanted again"
    assert settings(plain_cluster, first)["index.blocks.write"] == "true"


@pytest.mark.parametrize("to", ["nothing-like-it", "live"])
def test_what_is_no_generation_fails_with_the_list(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str], to: str
) -> None:
    first, second, third = generations
    name = third if to == "live" else to
    with pytest.raises(BuildError) as caught:
        chosen(plain_cluster, config, name)
    assert f"has no generation {name!r} to go back to; live is {third}" in caught.value.message
    assert (
        f"{second} (data of 2025-03-01, 2 documents); {first} (data of 2025-03-01, 3 documents)" in caught.value.message
    )


def test_a_rollback_killed_after_its_switch_is_finished_by_a_repeat(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    _, second, third = generations
    target = chosen(plain_cluster, config)
    switch_alias(plain_cluster, config.alias, former=third, to=second)
    assert chosen(plain_cluster, config, second) == target, "who names the index that is live by now finishes it"
    for _ in range(2):
        done = roll_back(plain_cluster, Store(config.store), config, target, now=NOW)
        assert (done.live, done.former) == (second, third)
    assert withdrawn(plain_cluster, config) == [third]
    assert observe_alias(plain_cluster, config.alias).members == (second,)


def test_an_alias_that_moved_meanwhile_is_left_where_it_is(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    first, _, third = generations
    target = chosen(plain_cluster, config)
    switch_alias(plain_cluster, config.alias, former=third, to=first)
    with pytest.raises(BuildError, match=rf"Lost race: alias .* is on {first}, not on {third} .* Trigger it anew"):
        roll_back(plain_cluster, Store(config.store), config, target, now=NOW)
    assert observe_alias(plain_cluster, config.alias).members == (first,)
    assert withdrawn(plain_cluster, config) == []


def test_an_unfit_generation_is_refused_and_the_alias_stays(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    _, second, third = generations
    plain_cluster.put(f"/{second}/_settings", {"index.search.default_pipeline": "gone"})
    with pytest.raises(BuildError, match="the search pipeline 'gone', which does not exist: every search would fail"):
        back(plain_cluster, config)
    plain_cluster.put(f"/{second}/_settings", {"index.search.default_pipeline": None, "index.blocks.write": False})
    plain_cluster.put(f"/{second}/_doc/somebody-elses", {"n": 1})
    with pytest.raises(BuildError, match="holds 3 documents, but had 2 when it was live: somebody wrote to it"):
        back(plain_cluster, config)
    meta = read_meta(plain_cluster, second)
    assert meta is not None
    write_meta(plain_cluster, second, meta.model_copy(update={"state": "building"}))
    with pytest.raises(BuildError, match="is not a complete index"):
        back(plain_cluster, config)
    assert observe_alias(plain_cluster, config.alias).members == (third,)
    assert withdrawn(plain_cluster, config) == []


def test_what_a_person_should_know_is_said(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    _, second, _ = generations
    meta = read_meta(plain_cluster, second)
    assert meta is not None
    write_meta(plain_cluster, second, meta.model_copy(update={"fingerprint": "f" * 16}))
    notes = back(plain_cluster, config).notes
    assert any("built by another encoder" in note for note in notes)
    assert any("the next run of a snapshot builds in full" in note for note in notes), (
        "its manifest is not in the store"
    )


def later(cluster: Cluster, index: str) -> None:
    """A later version of the package built it, and says more of it than this one knows."""
    meta = read_meta(cluster, index)
    assert meta is not None
    write_meta(cluster, index, meta.model_copy(update={"form": 2, "written_by": "7.8.9", "passages": {"title": 3}}))


def test_the_way_back_from_a_later_version_is_open_and_what_it_said_stays(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    _, second, third = generations
    later(plain_cluster, third)
    assert not any("7.8.9" in note for note in back(plain_cluster, config).notes)
    assert observe_alias(plain_cluster, config.alias).members == (second,)
    meta = read_meta(plain_cluster, third)
    assert meta is not None
    assert (meta.withdrawn_at, meta.is_later) == (NOW, True)
    assert (meta.written_by, (meta.model_extra or {})["passages"]) == ("7.8.9", {"title": 3})


def test_a_generation_of_a_later_version_says_who_has_to_go_on_from_it(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    later(plain_cluster, generations[1])
    notes = back(plain_cluster, config).notes
    assert any("version 7.8.9 of the package built it: daily runs have to be of that version" in note for note in notes)


def test_many_who_go_back_at_once_leave_the_alias_on_one_index(
    plain_cluster: Cluster, config: CorpusConfig, generations: list[str]
) -> None:
    _, second, third = generations
    targets = [chosen(plain_cluster, config)] * 8
    with ThreadPoolExecutor(len(targets)) as pool:
        done = list(
            pool.map(lambda target: roll_back(plain_cluster, Store(config.store), config, target, now=NOW), targets)
        )
    assert {result.live for result in done} == {second}
    assert observe_alias(plain_cluster, config.alias).members == (second,)
    assert withdrawn(plain_cluster, config) == [third]
