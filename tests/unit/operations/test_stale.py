"""Whose live data is too old, by the live index alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from build_plans import corpus_config
from fake_opensearch import fake_cluster, unreachable
from sparse_index.live.generations import OwnIndex
from sparse_index.live.meta import Meta
from sparse_index.names import candidate_name, new_build_id
from sparse_index.operations.cleanup import Cleanup
from sparse_index.operations.sightings import CorpusView
from sparse_index.operations.stale import observe_stale, stale

NOW = datetime(2026, 3, 20, 4, 30, tzinfo=UTC)


def view(alias: str, days: int | None, allowed_hours: float | None) -> CorpusView:
    """A corpus whose live index has the data of so many days ago, beside a younger candidate; None: nothing is live."""
    config = corpus_config(alias, stale_after_hours=allowed_hours)
    candidate = index(alias, 0)
    indices = (candidate,) if days is None else (candidate, replace(index(alias, days), live=True))
    return CorpusView(config, indices, (), (), (), frozenset(), states={})


def index(alias: str, days: int) -> OwnIndex:
    when = NOW - timedelta(days=days)
    build_id = new_build_id(when, f"{days:03x}")
    values = {
        "alias": alias,
        "build_id": build_id,
        "state": "complete",
        "data_date": when.date(),
        "fingerprint": "a" * 16,
        "document_hash": "h",
        "store": "memory://store",
        "manifest": "m",
        "receipt": "r",
    }
    return OwnIndex(candidate_name(alias, build_id), Meta.model_validate(values), live=False)


def test_only_what_is_older_than_its_owner_allows_is_named() -> None:
    young, old = view("young", 1, 48), view("old", 3, 48)
    found = stale([young, old, view("unasked", 900, None)], NOW)
    assert found.keys() == {"old"}
    (live,) = (each for each in old.indices if each.live)
    assert found["old"] == (
        f"'old' shows the data of 2026-03-17 ({live.name}), 76 hours old; stale_after_hours allows 48. Look whether its DAG is "
        "paused, and at its last runs."
    )


def test_it_is_found_before_any_store_is_looked_at() -> None:
    """Of one of a later version, and of one that does not answer, nobody knows how old it is."""
    old, later = (index(alias, 3) for alias in ("old", "later"))

    asked: list[str] = []

    def answer(method: str, path: str, _: Any) -> Any:
        asked.append(path)
        if "away" in path:
            raise unreachable()
        if "_alias" in path:
            return {old.name: {"aliases": {"old": {}}}}
        own = old if "old" in path else later
        form = {} if own is old else {"form": 99}
        return {own.name: {"mappings": {"_meta": {"sparse_index": own.meta.model_dump(mode="json") | form}}}}

    configs = [corpus_config(alias, stale_after_hours=48) for alias in ("old", "later", "away", "away-too")]
    configs += [corpus_config("unasked"), corpus_config("elsewhere", stale_after_hours=1, connection="other")]
    found, unknown = observe_stale({configs[0].connection: fake_cluster(answer)}, configs, NOW)
    assert found == stale([view("old", 3, 48)], NOW)
    assert unknown.keys() == {"later", "away", "away-too", "elsewhere"}
    assert "the `_meta` of later--b" in unknown["later"]
    assert unknown["elsewhere"] == (
        "How old the data of 'elsewhere' is could not be seen: connection 'other' cannot be opened"
    )
    assert not any("away-too" in path for path in asked), "a cluster that is away is waited for once"


def test_nothing_live_is_older_than_anything() -> None:
    assert "'new' has no live index of ours" in stale([view("new", None, 1_000)], NOW)["new"]


def test_the_report_names_it_and_reads_those_of_before() -> None:
    report = Cleanup(at=NOW, actions=[], notes=[], unproven=[], stale={"old": "'old' is old."})
    assert "stale: 'old' is old." in str(report)
    before = report.model_dump(exclude={"stale"})
    assert Cleanup.model_validate(before).stale == {}
