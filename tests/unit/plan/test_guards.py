"""What a plan must not do unasked, from a value alone: each guard says no at its border, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config
from observations import SCHEMA, TODAY, found, live_index, observed, planned_from
from sparse_index.builds.plan import BuildKind
from sparse_index.corpus.oddities import Oddities
from sparse_index.errors import BuildError, ConfigError, UnavailableError
from sparse_index.plan.guards import require_comparable, require_unhindered
from sparse_index.plan.lost_files import Lost

CONFIG = corpus_config("things")
FEED_SOURCE = {"uri": "days/{data_date}", "columns": SCHEMA.names, "backfill_horizon_days": 5}
FEED = corpus_config("things", kind="feed", source=FEED_SOURCE)


def with_price(kind: pa.DataType) -> pa.Schema:
    return SCHEMA.set(3, pa.field("price", kind))


def test_nothing_begins_where_a_candidate_is_hindered() -> None:
    require_unhindered(CONFIG, [])
    with pytest.raises(BuildError, match=r"No build of 'things' can begin: It is full\. It is closed\."):
        require_unhindered(CONFIG, [UnavailableError("It is full."), BuildError("It is closed.")])


def test_what_passes_by_itself_is_tried_again() -> None:
    with pytest.raises(UnavailableError, match=r"No build of 'things' can begin: It is full\. Its nodes start again\."):
        require_unhindered(CONFIG, [UnavailableError("It is full."), UnavailableError("Its nodes start again.")])


def test_an_older_snapshot_is_refused_unless_forced() -> None:
    live = live_index(CONFIG, data_date=TODAY + timedelta(days=1))
    with pytest.raises(BuildError, match="holds the data of 2026-01-03; this run is for the older 2026-01-02"):
        require_comparable(observed(CONFIG, live))
    require_comparable(observed(CONFIG, live, request={"force_older_date": True}))
    require_comparable(observed(CONFIG, live_index(CONFIG, data_date=TODAY)))


def test_columns_that_a_changed_configuration_misses_are_named_before_rows_are_compared() -> None:
    changed = corpus_config("things", source={"columns": [*SCHEMA.names, "author"]})
    with pytest.raises(ConfigError, match=r"does not fit its configuration:\n  - missing columns author"):
        require_comparable(observed(changed))


def test_a_partition_beyond_the_horizon_is_refused_unless_forced() -> None:
    live = live_index(FEED, data_date=TODAY + timedelta(days=6))
    with pytest.raises(BuildError, match=r"2026-01-02 of 'things' is older than 2026-01-03.*force_older_date"):
        require_comparable(observed(FEED, live))
    require_comparable(observed(FEED, live, request={"force_older_date": True}))
    require_comparable(observed(FEED, live_index(FEED, data_date=TODAY + timedelta(days=5))))


@pytest.mark.parametrize("section", [{"text_template": "{body}"}, {"columns": ["id", "title"]}, {"max_text_chars": 3}])
def test_a_feed_cannot_go_on_with_documents_made_otherwise(section: dict[str, Any]) -> None:
    changed = corpus_config("things", kind="feed", source=FEED_SOURCE | section)
    with pytest.raises(BuildError, match="now makes documents in another way"):
        require_comparable(observed(changed, live_index(FEED)))


def test_a_feed_cannot_go_on_without_what_its_last_build_left() -> None:
    live = live_index(FEED)
    with pytest.raises(BuildError, match=r"manifest of things--b.* is not in the store.*Restore it from a backup"):
        require_comparable(observed(FEED, replace(live, manifest=None)))
    with pytest.raises(BuildError, match="now makes documents in another way"):
        require_comparable(observed(FEED, replace(live, plan=None)))
    with pytest.raises(BuildError, match="another version wrote it"):
        require_comparable(observed(FEED, replace(live, plan=None, unreadable="another version wrote it")))


@pytest.mark.parametrize("request_", [{}, {"mode": "full"}, {"force_older_date": True, "accept_mass_change": True}])
def test_rows_that_were_read_before_the_alias_moved_are_not_compared(request_: dict[str, Any]) -> None:
    seen = observed(CONFIG, live_index(CONFIG), request=request_)
    for then, words in ((None, "no index"), ("things--b20251231t000000-000000", "things--b20251231t000000-000000")):
        moved = replace(seen, scanned=replace(seen.scanned, live_index=then))
        with pytest.raises(BuildError, match=f"is on things--b2026.*, but was on {words} when this run began to read"):
            require_comparable(moved)


def test_a_feed_s_whole_numbers_become_doubles_only_where_those_hold_them() -> None:
    seen = observed(FEED, live_index(FEED), schema=with_price(pa.float64()))
    require_comparable(replace(seen, largest={"price": 2.0**53 - 1}))
    with pytest.raises(
        BuildError, match=r"'price' is int64 in things--b.* would become double, but numbers beyond 2\^53"
    ):
        require_comparable(replace(seen, largest={"price": 2.0**53}))


def test_the_texts_of_a_feed_s_earlier_days_do_not_change() -> None:
    feed = corpus_config("things", kind="feed", source=FEED_SOURCE | {"text_template": "{title} {price}"})
    seen = observed(feed, live_index(feed), schema=with_price(pa.float64()))
    with pytest.raises(BuildError, match="it stands in the text template"):
        require_comparable(seen)


def test_what_the_cluster_refuses_of_the_corpus_file_is_said() -> None:
    with pytest.raises(
        ConfigError, match=r"refuses index\.settings or index\.alias of the corpus file: unknown setting"
    ):
        require_comparable(observed(CONFIG, refusal="unknown setting"))


def test_a_filter_that_would_hide_other_documents_is_refused() -> None:
    live = live_index(
        CONFIG, alias={"filter": {"term": {"colour": "red"}}}, schema=SCHEMA.append(pa.field("colour", pa.string()))
    )
    seen = observed(CONFIG, live)
    assert planned_from(seen, found(9)).kind is BuildKind.NOTHING
    with pytest.raises(
        BuildError, match="the filter of alias 'things' names colour, which the new index does not have"
    ):
        planned_from(seen, found(9, new=1))


def test_books_that_do_not_close_stop_the_plan() -> None:
    with pytest.raises(BuildError, match="10 rows read, 9 accounted for"):
        planned_from(observed(CONFIG), found(9, rows_read=10))


LIMITS = {"max_deleted_share": 0.2, "max_changed_share": 0.3, "min_documents": 50}


@pytest.mark.parametrize(
    ("inside", "outside", "words"),
    [
        ({"deleted": 25}, {"deleted": 26}, r"26 of 126 documents of 'things' would vanish \(d1, \.\.\.\)"),
        (
            {"fields_changed": 30},
            {"fields_changed": 31},
            r"31 of 100 documents of 'things' would change \(d2, \.\.\.\)",
        ),
        ({"text_changed": 30}, {"fields_changed": 30, "text_changed": 1}, "31 of 100 documents"),
        ({"documents": 50}, {"documents": 49}, r"has 49 documents, fewer than limits\.min_documents \(50\)"),
    ],
)
def test_more_than_the_limits_allow_must_be_acknowledged(
    inside: dict[str, int], outside: dict[str, int], words: str
) -> None:
    config = corpus_config("things", limits=LIMITS)
    live = live_index(config)
    planned_from(observed(config, live), found(**inside))
    with pytest.raises(BuildError, match=words):
        planned_from(observed(config, live), found(**outside))
    allowed = {"row_limit": 1} if "documents" in outside else {"accept_mass_change": True}
    planned_from(observed(config, live, request=allowed), found(**outside))


@pytest.mark.parametrize(
    ("limits", "rows"), [({"max_dead_letters": 3}, 4), ({"max_dead_letter_share": 0.03, "max_dead_letters": 100}, 4)]
)
def test_too_many_unusable_rows_stop_a_build_but_no_look(limits: dict[str, Any], rows: int) -> None:
    config = corpus_config("things", limits={"max_dead_letter_share": 1.0} | limits)
    planned_from(observed(config), found(100, dead_letters=rows - 1))
    with pytest.raises(BuildError, match=rf"{rows} of 104 rows .* cannot be documents.*dead_letters/scan\.parquet"):
        planned_from(observed(config), found(100, dead_letters=rows))
    planned_from(observed(config, request={"mode": "plan_only"}), found(100, dead_letters=rows))


def test_too_many_values_that_cannot_be_kept_stop_a_build() -> None:
    def seen(unkept: int, **request: Any) -> Any:
        found = observed(CONFIG, request=request)
        return replace(found, scanned=replace(found.scanned, oddities=Oddities(unkept=unkept, example="1e999")))

    assert "become dead letters; one of them: 1e999" in planned_from(seen(1), found(100)).notes[0]
    with pytest.raises(BuildError, match=r"2 of 100 rows .* have a value that cannot be kept, one of them: 1e999"):
        planned_from(seen(2), found(100))
    planned_from(seen(2, row_limit=100), found(100))


def test_a_full_build_of_a_feed_needs_its_earlier_files() -> None:
    seen = observed(FEED, live_index(FEED), request={"mode": "full"})
    with pytest.raises(
        BuildError, match=r"full mode was asked for.*1 of their files changed or are gone \(days/1\.parquet"
    ):
        planned_from(seen, replace(found(9), lost=Lost(("days/1.parquet",), ("d7",))))


@pytest.mark.parametrize(("usable", "refused"), [(200, False), (199, True), (None, False)])
def test_a_candidate_must_find_its_disk(usable: int | None, refused: bool) -> None:
    seen = observed(CONFIG, live_index(CONFIG), live_bytes=200, usable_bytes=usable)
    if refused:
        with pytest.raises(BuildError, match=r"may need 200 B .* have 199 B left below the high disk watermark"):
            planned_from(seen, found(100, fields_changed=1))
    else:
        planned_from(seen, found(100, fields_changed=1))
    # Nothing is built, so nothing is needed.
    planned_from(seen, found(100))
