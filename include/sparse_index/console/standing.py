"""What the last builds of a corpus leave standing: rows in no index, the last word of a gate, the age of what is live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sparse_index.console.build import Ending, Sort
from sparse_index.console.live import Live

# Those that read everything they were to read: what is live holds it, but for the rows that they name.
GOOD = frozenset({Sort.PROMOTED, Sort.NOTHING_CHANGED})


def open_letters(builds: Sequence[Ending]) -> list[Ending]:
    """The builds whose `letters` add up to the rows that are in no index now; none where no build, newest first, recorded it.

    As a redrive has it: a build tries every row again that those before it refused, so the newest good one tells of them all. A
    feed's tells of its own partition, and all partitions add up, at most: a later one may have brought a row again.
    """
    newest: dict[str | None, Ending] = {}
    for build in builds:
        if build.sort in GOOD and build.letters is not None:
            newest.setdefault(build.partition, build)
    return list(newest.values())


def last_gate(builds: Sequence[Ending]) -> Ending | None:
    """The newest whose gate ran."""
    return next((build for build in builds if build.verdict is not None), None)


def live_as_of(live: Live | None, builds: Sequence[Ending]) -> datetime | None:
    """From when on there may be data that readers do not see, UTC; None where nobody knows.

    A run that finds nothing changed proves that what is live is as good as new, so long as that is still the same index. But no
    run makes data newer than the day it is of: one of a former day may have been the last.
    """
    proving = [build for build in builds if build.sort in GOOD and _is_of(build, live)]
    looked = [build.ended_at for build in proving] + [live.promoted_at if live else None]
    days = [build.data_date for build in proving] + [live.data_date if live else None]
    newest_day = max((day for day in days if day), default=None)
    ends = datetime.combine(newest_day, time(), UTC) + timedelta(days=1) if newest_day else None
    newest_look = max((moment for moment in looked if moment), default=None)
    return min((moment for moment in (newest_look, ends) if moment), default=None)


def _is_of(build: Ending, live: Live | None) -> bool:
    """Where nobody knows what is live, any may be."""
    return live is None or live.index in (None, build.live)
