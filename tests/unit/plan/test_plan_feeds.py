"""A feed, one partition a run: the manifest decides, for each document, which day's row counts."""

from __future__ import annotations

import itertools
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from plan_help import SCHEMA, add_vectors, config_at, live_cluster, plan_shards, planned, row, write, writes
from sparse_index.books.final_manifest import write_final_manifest
from sparse_index.builds.dead_letters import DeadLetter, write_letters
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError, CorpusError
from sparse_index.live.meta import meta_of
from sparse_index.plan.in_words import plan_in_words
from sparse_index.store.files import Store
from sparse_index.store.layout import receipt_path

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 1, day) for day in (5, 6, 7))
FEED_SCHEMA = SCHEMA.append(pa.field("gone", pa.bool_()))
TOKENS = (f"{number:03d}" for number in itertools.count())
GENEROUS = {"max_changed_share": 1.0, "max_deleted_share": 1.0, "min_documents": 0}


def deleted(number: int) -> dict[str, Any]:
    return row(number) | {"gone": True}


class Feed:
    """A feed that remembers which build is live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        source = {
            "uri": f"{folder}/corpus/{{data_date}}",
            "columns": SCHEMA.names,
            "deleted_column": "gone",
            "backfill_horizon_days": 5,
        }
        self.config = config_at(folder, kind="feed", limits=GENEROUS, source=source)
        self.live: Plan | None = None

    def write(self, day: date, *rows: dict[str, Any]) -> None:
        write(self.folder / "corpus" / str(day), list(rows), schema=FEED_SCHEMA)

    def plan(self, day: date, **request: Any) -> Plan:
        cluster = live_cluster(self.config, self.live, **request.pop("cluster", {}))
        return planned(self.config, cluster=cluster, token=next(TOKENS), data_date=day, **request)

    def run(self, day: date, *rows: dict[str, Any], **request: Any) -> Plan:
        """Write the partition (if rows are given), plan it, and let it go live."""
        if rows:
            self.write(day, *rows)
        plan = self.plan(day, **request)
        add_vectors(self.config, plan)
        self.live = plan if plan.kind is not BuildKind.NOTHING else self.live
        return plan

    def manifest(self) -> dict[str, tuple[str, bool]]:
        assert self.live is not None
        items = Store(self.config.store).read_table(self.live.manifest).to_pylist()
        return {item["id"]: (f"{item['data_date']:%a}", item["deleted"]) for item in items}


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def counted(plan: Plan) -> dict[str, int]:
    lines = {"new", "text_changed", "unchanged", "deleted", "superseded", "tombstones", "documents", "rows_read"}
    return {name: value for name, value in plan.counts.model_dump(include=lines).items() if value}


def test_the_next_day_adds_changes_and_deletes_and_the_rest_stays(feed: Feed) -> None:
    feed.run(MONDAY, *(row(number) for number in range(5)))
    plan = feed.run(TUESDAY, row(0, body="new words"), deleted(1), row(9))
    assert plan.kind is BuildKind.DELTA
    assert writes(feed.config, plan) == [("delete", "d1"), ("index", "d0"), ("index", "d9")]
    assert counted(plan) == {"rows_read": 3, "new": 1, "text_changed": 1, "tombstones": 1, "deleted": 1, "documents": 5}
    assert feed.manifest() == {
        "d0": ("Tue", False),
        "d1": ("Tue", True),
        **{f"d{number}": ("Mon", False) for number in (2, 3, 4)},
        "d9": ("Tue", False),
    }


def test_an_older_partition_changes_only_what_is_not_newer(feed: Feed) -> None:
    feed.run(WEDNESDAY, row(1), deleted(2))
    plan = feed.run(MONDAY, row(1, body="old words"), row(2), row(3))
    assert writes(feed.config, plan) == [("index", "d3")]
    assert counted(plan) == {"rows_read": 3, "new": 1, "superseded": 2, "documents": 2}
    assert feed.manifest() == {"d1": ("Wed", False), "d2": ("Wed", True), "d3": ("Mon", False)}
    assert "superseded by a newer day" in plan_in_words(plan)


def test_a_deletion_of_what_nobody_knew_holds_off_an_older_day(feed: Feed) -> None:
    feed.run(MONDAY, row(1))
    plan = feed.run(WEDNESDAY, deleted(2))
    assert (plan.kind, writes(feed.config, plan), len(plan.index_parts)) == (BuildKind.DELTA, [], 1)
    assert writes(feed.config, feed.run(TUESDAY, row(2))) == []


def test_a_document_that_comes_again_lives_again(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    feed.run(TUESDAY, deleted(1))
    plan = feed.run(WEDNESDAY, row(1))
    assert writes(feed.config, plan) == [("index", "d1")]
    assert counted(plan) == {"rows_read": 1, "new": 1, "documents": 2}


def test_a_row_that_comes_again_unchanged_is_not_written_but_counts_as_newer(feed: Feed) -> None:
    feed.run(MONDAY, row(1))
    plan = feed.run(WEDNESDAY, row(1))
    assert (plan.kind, writes(feed.config, plan)) == (BuildKind.DELTA, [])
    assert writes(feed.config, feed.run(TUESDAY, row(1, body="between"))) == []


def test_the_same_partition_again_is_nothing_to_do(feed: Feed) -> None:
    feed.run(MONDAY, row(1), deleted(2))
    assert feed.run(MONDAY).kind is BuildKind.NOTHING


def test_a_corrected_partition_replaces_its_own_rows(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    assert writes(feed.config, feed.run(MONDAY, row(1, body="corrected"), row(2))) == [("index", "d1")]


def test_a_partition_written_anew_is_found_where_it_is_now(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    plan = feed.run(MONDAY, row(2), row(1))
    assert (plan.kind, writes(feed.config, plan)) == (BuildKind.DELTA, [])
    full = feed.run(MONDAY, mode="full")
    assert writes(feed.config, full) == [("index", "d1"), ("index", "d2")]


def test_a_full_build_reads_earlier_partitions_again_and_encodes_nothing(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2), deleted(3))
    plan = feed.run(TUESDAY, row(2, body="new"), row(4), mode="full")
    assert writes(feed.config, plan) == [("index", "d1"), ("index", "d2"), ("index", "d4")]
    assert (plan.counts.texts_to_encode, plan.counts.reused, plan.counts.rows_read) == (2, 1, 3)


@pytest.mark.parametrize("change", ["gone", "rewritten"])
def test_a_full_build_without_the_earlier_files_is_refused_before_it_starts(feed: Feed, change: str) -> None:
    feed.run(MONDAY, row(1))
    feed.run(TUESDAY, row(2))
    shutil.rmtree(feed.folder / "corpus" / str(MONDAY))
    if change == "rewritten":
        feed.write(MONDAY, row(1))
    feed.write(TUESDAY, row(2), row(3))
    with pytest.raises(BuildError, match=r"full mode was asked for.*1 of their files changed or are gone .*2026-01-05"):
        feed.plan(TUESDAY, mode="full")
    assert writes(feed.config, feed.run(TUESDAY)) == [("index", "d3")]


def test_a_row_that_a_corrected_partition_lacks_is_named_and_its_deletion_is_the_way_out(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2), row(3))
    feed.run(MONDAY, row(1), row(3, body="corrected"))
    feed.write(TUESDAY, row(4))
    with pytest.raises(BuildError, match=r"with the rows of d2, \.\.\. Undo .* or a row that deletes it"):
        feed.plan(TUESDAY, mode="full")
    plan = feed.run(TUESDAY, deleted(2), mode="full")
    assert writes(feed.config, plan) == [("index", "d1"), ("index", "d3")]


def test_partitions_that_a_former_release_has_read_are_the_same_files(feed: Feed) -> None:
    plan, store = feed.run(MONDAY, row(1)), Store(feed.config.store)
    table = store.read_table(plan.manifest)
    former = [f"{version}-4711" for version in table["file_version"].to_pylist()]
    place = table.schema.get_field_index("file_version")
    store.write_table(plan.manifest, table.set_column(place, "file_version", pa.array(former)))
    assert writes(feed.config, feed.run(TUESDAY, row(2), mode="full")) == [("index", "d1"), ("index", "d2")]


def test_deletions_are_remembered_for_the_horizon_only(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    feed.run(TUESDAY, deleted(1))
    feed.run(TUESDAY + timedelta(days=5), row(3))
    assert feed.manifest()["d1"] == ("Tue", True)
    feed.run(TUESDAY + timedelta(days=6), row(4))
    assert "d1" not in feed.manifest()
    feed.write(MONDAY, row(1), row(5))
    with pytest.raises(BuildError, match=r"2026-01-05 of 'things' is older than 2026-01-07.*force_older_date"):
        feed.plan(MONDAY)
    assert writes(feed.config, feed.plan(MONDAY, force_older_date=True)) == [("index", "d1"), ("index", "d5")]


def test_what_a_snapshot_read_has_its_day_when_the_corpus_becomes_a_feed(tmp_path: Path) -> None:
    feed, later, limits = Feed(tmp_path), MONDAY + timedelta(days=4), {"limits": GENEROUS}
    source = {"uri": f"{tmp_path}/corpus/{later}", "columns": SCHEMA.names}
    feed.write(later, row(1), row(2))
    snapshot = planned(config_at(tmp_path, source=source, **limits), data_date=later)
    add_vectors(feed.config, snapshot)
    source |= {"uri": f"{tmp_path}/corpus/{{data_date}}", "backfill_horizon_days": 5}
    feed.config, feed.live = config_at(tmp_path, kind="feed", source=source, **limits), snapshot
    plan = feed.run(MONDAY, row(1, body="old words"), row(3))
    assert counted(plan) == {"rows_read": 2, "new": 1, "superseded": 1, "documents": 3}
    assert writes(feed.config, plan) == [("index", "d3")]
    assert feed.manifest() == {"d1": ("Fri", False), "d2": ("Fri", False), "d3": ("Mon", False)}
    assert writes(feed.config, feed.run(later + timedelta(days=1), row(2, body="new words"))) == [("index", "d2")]


def generation(plan: Plan) -> dict[str, Any]:
    """Its index once it is no longer live, as the cluster shows it."""
    meta = meta_of(plan).model_copy(update={"state": "complete", "documents": 9, "promoted_at": plan.created_at})
    return {plan.candidate: {"mappings": {"_meta": {"sparse_index": meta.model_dump(mode="json")}}}}


def test_one_day_does_not_replace_a_live_index_that_is_gone(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    live = feed.run(TUESDAY, row(3))
    feed.live, store = None, Store(feed.config.store)
    feed.write(WEDNESDAY, row(4))
    store.write_json(receipt_path("things", live.build_id), {"outcome": "promoted", "live": live.candidate})
    failed = live.build_id.replace("T", "T9")
    store.write_json(receipt_path("things", failed), {"outcome": "failed", "live": None})
    store.write_bytes(receipt_path("things", failed.replace("T9", "T99")), b'{"outcome": ')  # torn: it says nothing
    gone = f"no live index, but {live.candidate} was live, and one partition cannot replace it. "
    with pytest.raises(
        BuildError, match=f"{gone}Restore it from a snapshot, then roll back to it; or run all partitions"
    ):
        feed.plan(WEDNESDAY)
    with pytest.raises(
        BuildError, match=f"{gone}Roll back to it; or run all partitions again, with `accept_mass_change`"
    ):
        feed.plan(WEDNESDAY, cluster={"others": generation(live)}, mode="full")
    assert feed.plan(WEDNESDAY, row_limit=1).promotes is False
    assert writes(feed.config, feed.plan(WEDNESDAY, accept_mass_change=True)) == [("index", "d4")]


def test_a_feed_whose_first_build_never_went_live_begins_with_the_next(feed: Feed) -> None:
    first = feed.run(MONDAY, row(1))
    feed.live = None
    receipt = {"outcome": "failed", "live": None}
    Store(feed.config.store).write_json(receipt_path("things", first.build_id), receipt)
    never = generation(first)
    never[first.candidate]["mappings"]["_meta"]["sparse_index"]["promoted_at"] = None
    feed.write(TUESDAY, row(2))
    assert writes(feed.config, feed.plan(TUESDAY, cluster={"others": never})) == [("index", "d2")]


def test_the_index_keeps_the_newest_day_it_has_seen(feed: Feed) -> None:
    assert feed.run(WEDNESDAY, row(1)).data_date == WEDNESDAY
    plan = feed.run(MONDAY, row(2))
    assert (plan.data_date, meta_of(plan).data_date, plan.request.data_date) == (WEDNESDAY, WEDNESDAY, MONDAY)
    assert "partition 2026-01-05, the newest so far is 2026-01-07" in plan_in_words(plan)
    assert feed.run(TUESDAY, row(3)).data_date == WEDNESDAY


def test_a_day_that_left_no_row_counts_for_the_horizon_all_the_same(feed: Feed) -> None:
    """Its full build forgets old deletions, so what is older than those must be refused."""
    feed.run(MONDAY, row(1), row(2))
    feed.run(TUESDAY, deleted(1))
    later = TUESDAY + timedelta(days=10)
    write(feed.folder / "corpus" / str(later), [], schema=FEED_SCHEMA)
    feed.run(later, mode="full")
    assert set(feed.manifest()) == {"d2"}
    with pytest.raises(BuildError, match=f"2026-01-05 of 'things' is older than .*the newest data is of {later}"):
        feed.plan(MONDAY)


@pytest.mark.parametrize("files", [1, 100])
def test_a_partition_without_rows_is_a_day_on_which_nothing_happened(feed: Feed, files: int) -> None:
    feed.run(MONDAY, row(1))
    for number in range(files):
        write(feed.folder / "corpus" / str(TUESDAY), [], f"{number}.parquet", schema=FEED_SCHEMA)
    assert len(plan_shards(feed.config, TUESDAY)) == 1
    plan = feed.plan(TUESDAY)
    assert (plan.kind, plan.counts.rows_read, plan.counts.documents) == (BuildKind.NOTHING, 0, 1)


def test_the_first_partition_must_hold_something(feed: Feed) -> None:
    limits = feed.config.limits.model_copy(update={"min_documents": 1})
    feed.config = feed.config.model_copy(update={"limits": limits})
    write(feed.folder / "corpus" / str(MONDAY), [], schema=FEED_SCHEMA)
    with pytest.raises(BuildError, match="has 0 documents, fewer than"):
        feed.plan(MONDAY)


def test_a_partition_that_has_not_arrived_is_named_and_run_again_when_it_has(feed: Feed) -> None:
    feed.run(MONDAY, row(1))
    with pytest.raises(
        CorpusError, match=r"No Parquet file at .*2026-01-06\. The partition 2026-01-06 of the feed 'things'"
    ):
        feed.plan(TUESDAY)
    assert writes(feed.config, feed.run(TUESDAY, row(2))) == [("index", "d2")]


def test_a_row_limit_plans_its_rows_alone(feed: Feed) -> None:
    feed.run(MONDAY, row(1))
    feed.write(TUESDAY, row(2), row(3))
    plan = feed.plan(TUESDAY, row_limit=1)
    assert (plan.kind, writes(feed.config, plan), plan.promotes) == (BuildKind.FULL, [("index", "d2")], False)


def test_a_day_without_any_deletion_may_have_an_untyped_tombstone_column(feed: Feed) -> None:
    rows = [row(1) | {"gone": None}]
    write(feed.folder / "corpus" / str(MONDAY), rows, schema=SCHEMA.append(pa.field("gone", pa.null())))
    assert writes(feed.config, feed.run(MONDAY)) == [("index", "d1")]


def rejected(config: CorpusConfig, plan: Plan, doc_id: str) -> str:
    """The final manifest of a build whose index stage refused this document."""
    store = Store(config.store)
    letter = DeadLetter(doc_id, "index", "mapper_parsing", "bad", 1, plan.build_id, plan.created_at, None)
    path = letters_path(plan, "index", 0)
    write_letters(store, path, [letter])
    return write_final_manifest(store, plan, [path])


def test_a_refused_document_is_not_replaced_by_an_older_day_s(feed: Feed) -> None:
    plan = feed.run(WEDNESDAY, row(1), row(2))
    feed.live = plan.model_copy(update={"manifest": rejected(feed.config, plan, "d1")})
    assert feed.manifest() == {"d1": ("Wed", True), "d2": ("Wed", False)}
    assert writes(feed.config, feed.run(MONDAY, row(1, body="old"), row(3))) == [("index", "d3")]
    assert writes(feed.config, feed.run(WEDNESDAY, row(1, body="repaired"), row(2))) == [("index", "d1")]


def test_a_snapshot_tries_a_refused_document_again(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    write(tmp_path / "corpus", [row(1), row(2)])
    plan = planned(config)
    live = plan.model_copy(update={"manifest": rejected(config, plan, "d1")})
    assert writes(config, planned(config, live=live)) == [("index", "d1")]
