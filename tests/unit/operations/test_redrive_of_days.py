"""Which day of a feed a redrive asks for, and what it says of the letters of other days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plan_help import SCHEMA, add_vectors, config_at, live_cluster, planned, row, write
from sparse_index.books.final_manifest import write_final_manifest
from sparse_index.builds.dead_letters import DeadLetter, write_letters
from sparse_index.builds.ending import Ending
from sparse_index.builds.folder import letters_files, letters_path
from sparse_index.builds.plan import Plan
from sparse_index.builds.receipt import write_receipt
from sparse_index.errors import BuildError
from sparse_index.operations.redrive import Selection, select_letters, settle_letters
from sparse_index.store.files import Store

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
NOW = datetime(2026, 1, 7, tzinfo=UTC)
GENEROUS = {"max_changed_share": 1.0, "max_deleted_share": 1.0, "min_documents": 0}


class Feed:
    """A feed whose builds are promoted, less what is refused of them; `live`: the newest, as its index tells of it."""

    def __init__(self, folder: Path) -> None:
        source = {"uri": f"{folder}/corpus/{{data_date}}", "columns": SCHEMA.names}
        self.config = config_at(folder, kind="feed", limits=GENEROUS, source=source)
        self.folder, self.store = folder, Store(self.config.store)
        self.live: Plan | None = None
        self._builds = 0

    @property
    def cluster(self) -> Any:
        return live_cluster(self.config, self.live)

    def run(self, day: date, *rows: dict[str, Any], refused: tuple[str, ...] = (), **request: Any) -> Plan:
        write(self.folder / "corpus" / str(day), list(rows))
        self._builds += 1
        token, run_id = f"{self._builds:03d}", f"run-{self._builds}"
        plan = planned(self.config, cluster=self.cluster, token=token, data_date=day, run_id=run_id, **request)
        add_vectors(self.config, plan)
        letters = [DeadLetter(name, "index", "no_room", "", 1, plan.build_id, NOW, None) for name in refused]
        if letters:
            write_letters(self.store, letters_path(plan, "index", 0), letters)
        manifest = write_final_manifest(self.store, plan, letters_files(self.store, plan, ["index"]))
        write_receipt(self.store, plan, Ending("promoted", plan.candidate, NOW))
        self.live = plan.model_copy(update={"manifest": manifest})
        return plan


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def selected(feed: Feed) -> Selection:
    selection = select_letters(feed.cluster, feed.store, feed.config)
    assert selection is not None
    return selection


def test_what_a_full_build_refused_of_an_earlier_day_is_tried_with_that_day(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    full = feed.run(TUESDAY, row(3), row(4), mode="full", refused=("d1", "d3"))
    first = selected(feed)
    assert (first.data_date, first.letters, first.other_days) == (MONDAY, 1, 1)
    assert "of 2026-01-05: 1 x no_room. 1 are of later days: redrive again after this one." in str(first)

    feed.run(MONDAY, row(1), row(2))
    done = settle_letters(feed.cluster, feed.store, feed.config, first, run_id="run-3", now=NOW)
    assert (done.build_id, done.tried, done.indexed, done.gone) == (full.build_id, 1, 1, 0)
    assert done.remaining == ["d3"]
    assert str(done).endswith(
        "redrive again (beyond the feed's horizon: run those partitions with `force_older_date`)."
    )

    second = selected(feed)
    assert (second.data_date, second.letters, second.other_days) == (TUESDAY, 1, 0)
    feed.run(TUESDAY, row(4))
    done = settle_letters(feed.cluster, feed.store, feed.config, second, run_id="run-4", now=NOW)
    assert (done.tried, done.indexed, done.gone, done.remaining) == (1, 0, 1, []), "its day no longer has it"


def test_a_run_of_another_day_leaves_the_letter_open(feed: Feed) -> None:
    feed.run(MONDAY, row(1), row(2))
    feed.run(TUESDAY, row(3), mode="full", refused=("d1",))
    told = selected(feed).model_copy(update={"data_date": TUESDAY})
    feed.run(TUESDAY, row(3), row(5))
    done = settle_letters(feed.cluster, feed.store, feed.config, told, run_id="run-3", now=NOW)
    assert (done.tried, done.gone, done.remaining) == (0, 0, ["d1"])


def test_a_day_beyond_the_horizon_keeps_no_other_from_its_turn_and_is_never_called_gone(feed: Feed) -> None:
    long_ago = TUESDAY - timedelta(days=200)
    feed.run(long_ago, row(1))
    feed.run(TUESDAY, row(3), mode="full", refused=("d1", "d3"))
    first = selected(feed)
    assert (first.data_date, first.letters, first.other_days, first.too_old) == (TUESDAY, 1, 1, 1)
    assert str(first).endswith(
        "1 are of days beyond `source.backfill_horizon_days`: run those partitions with `force_older_date`."
    )
    feed.run(TUESDAY, row(3), row(4))
    done = settle_letters(feed.cluster, feed.store, feed.config, first, run_id="run-3", now=NOW)
    assert (done.tried, done.indexed, done.gone, done.remaining) == (1, 1, 0, ["d1"])
    with pytest.raises(
        BuildError, match=r"none that a run could try\. 1 are of days beyond `source\.backfill_horizon_days`: run"
    ):
        select_letters(feed.cluster, feed.store, feed.config)


def test_letters_beyond_the_horizon_keep_no_older_build_from_its_turn(feed: Feed) -> None:
    feed.run(TUESDAY - timedelta(days=200), row(1))
    monday = feed.run(MONDAY, row(2), row(3), refused=("d2",))
    feed.run(TUESDAY, row(4), mode="full", refused=("d1",))
    chosen = selected(feed)
    assert (chosen.build_id, chosen.data_date, chosen.letters) == (monday.build_id, MONDAY, 1)


def test_what_a_later_day_has_indexed_is_live(feed: Feed) -> None:
    monday = feed.run(MONDAY, row(1), row(2), row(5), refused=("d1", "d2"))
    feed.run(TUESDAY, row(1, body="newer"))
    chosen = select_letters(feed.cluster, feed.store, feed.config, monday.build_id)
    assert chosen is not None
    feed.run(MONDAY, row(1), row(2), row(5))
    done = settle_letters(feed.cluster, feed.store, feed.config, chosen, run_id="run-3", now=NOW)
    assert (done.tried, done.indexed, done.gone, done.remaining) == (2, 2, 0, [])
