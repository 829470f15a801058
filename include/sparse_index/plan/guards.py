"""What a plan must not do unasked: go back in time, change most of the index overnight, lose many rows, or begin what the
cluster will not let it end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sparse_index.addresses import public_address
from sparse_index.builds.plan import Counts
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.findings import Findings
from sparse_index.corpus.parquet import file_version
from sparse_index.creation.room import room_problems
from sparse_index.errors import BuildError, CorpusError
from sparse_index.live.meta import Meta
from sparse_index.live.states import index_states
from sparse_index.plan.difference import Difference
from sparse_index.plan.live_types import begins_anew
from sparse_index.plan.observed import Live

EXAMPLES = 5


def require_room(cluster: Cluster, config: CorpusConfig) -> None:
    """Nothing is encoded for a candidate that the cluster would refuse; preflight looked hours ago, perhaps."""
    problems = [*index_states(cluster, config.alias).problems, *room_problems(cluster, config)]
    if problems:
        raise BuildError(f"No build of '{config.alias}' can begin: {' '.join(problems)}")


def require_known_meta(config: CorpusConfig, request: RunRequest, live: Live) -> None:
    """What a later version of the package built is no ground for a difference; `begins_anew` takes none."""
    if live.index is not None and live.meta is not None and not begins_anew(config, request):
        live.meta.require_known(live.index)


def require_forward_date(config: CorpusConfig, request: RunRequest, live: Meta | None) -> None:
    """P4: an older snapshot never replaces a newer one, unless forced. A feed decides for each document."""
    if config.kind == "feed" or live is None or request.force_older_date:
        return
    if request.data_date < live.data_date:
        raise BuildError(
            f"The live index of '{live.alias}' holds the data of {live.data_date}; this run is for the older "
            f"{request.data_date}. Nothing to do, or set `force_older_date` to go back on purpose."
        )


def require_within_horizon(config: CorpusConfig, request: RunRequest, newest: date | None) -> None:
    """A feed's partition older than every tombstone that is kept could bring deleted documents back. `newest`: the newest
    day that the live index has seen."""
    if config.kind != "feed" or newest is None or request.force_older_date:
        return
    oldest = newest - timedelta(days=config.source.backfill_horizon_days)
    if request.data_date < oldest:
        raise BuildError(
            f"The partition {request.data_date} of '{config.alias}' is older than {oldest}: deletions from before that day "
            f"are forgotten (source.backfill_horizon_days is {config.source.backfill_horizon_days}, the newest data is of "
            f"{newest}), so that it could bring deleted documents back. Set `force_older_date` to take it all the same."
        )


def skipped_days_note(config: CorpusConfig, request: RunRequest, newest: date | None) -> list[str]:
    """A scheduler that stood still catches nothing up: days that lie between are named, not passed over in silence."""
    if config.kind != "feed" or newest is None or request.data_date <= newest + timedelta(days=1):
        return []
    first, last = newest + timedelta(days=1), request.data_date - timedelta(days=1)
    return [f"the index has nothing of {first} to {last}: if partitions of those days were not read, backfill them"]


def require_kept_files(config: CorpusConfig, reasons: Sequence[str], files: Iterable[tuple[str, str]]) -> None:
    """A full build of a feed reads the documents of earlier partitions again; `files`: (address, version) of theirs."""
    changed = [uri for uri, version in files if not _is_still(config.source.with_secret(uri), version)]
    if changed:
        raise BuildError(
            f"A full build of the feed '{config.alias}' ({'; '.join(reasons)}) would read documents of earlier partitions "
            f"again, but {len(changed)} of their files changed or are gone ({', '.join(changed[:EXAMPLES])}, ...). Undo what "
            "asks for a full build and run those partitions again first, or give the corpus a new alias and run all of them."
        )


def _is_still(uri: str, version: str) -> bool:
    try:
        return file_version(uri) == version
    except CorpusError:
        return False


def require_expected_change(config: CorpusConfig, request: RunRequest, counts: Counts, difference: Difference) -> None:
    """Stop when more vanishes or changes than `limits` allows, unless acknowledged; and when too little is left."""
    if request.row_limit is not None:
        return
    _require_documents(config, counts)
    if not request.accept_mass_change:
        before = counts.documents - counts.new + counts.deleted
        _require_few_deleted(config, counts, before, difference)
        _require_few_changed(config, counts, before, difference)


def _require_documents(config: CorpusConfig, counts: Counts) -> None:
    if counts.documents < config.limits.min_documents:
        raise BuildError(
            f"The new state of '{config.alias}' has {counts.documents} documents, fewer than limits.min_documents "
            f"({config.limits.min_documents}). Look at the corpus at {public_address(config.source.uri)}."
        )


def _require_few_deleted(config: CorpusConfig, counts: Counts, before: int, difference: Difference) -> None:
    if counts.deleted > config.limits.max_deleted_share * before:
        raise BuildError(
            f"{counts.deleted} of {before} documents of '{config.alias}' would vanish "
            f"({', '.join(difference.deleted_examples())}, ...), more than "
            "limits.max_deleted_share. Check the corpus, or set `accept_mass_change`."
        )


def _require_few_changed(config: CorpusConfig, counts: Counts, before: int, difference: Difference) -> None:
    changed = counts.text_changed + counts.fields_changed
    if changed > config.limits.max_changed_share * before:
        raise BuildError(
            f"{changed} of {before} documents of '{config.alias}' would change "
            f"({', '.join(difference.changed_examples())}, ...), more than "
            "limits.max_changed_share. Check the corpus, or set `accept_mass_change`."
        )


def require_few_dead_letters(config: CorpusConfig, request: RunRequest, counts: Counts, letters: str) -> None:
    """With so many unusable rows reconcile would refuse the build at its end; `letters` is the file that lists them."""
    if request.mode is not Mode.PLAN_ONLY and _are_too_many(config, counts, counts.dead_letters):
        raise BuildError(
            f"{counts.dead_letters} of {counts.rows_read} rows of '{config.alias}' cannot be documents; {_allowed(config)}. "
            f"Rows and reasons: {letters} in the store. Correct the corpus, or raise the limits."
        )


def require_few_unkept(config: CorpusConfig, request: RunRequest, counts: Counts, findings: Findings) -> None:
    """Rows with a value that cannot be kept become dead letters when they are indexed: with too many of them nothing need be
    encoded first."""
    if request.mode is Mode.PLAN_ONLY or request.row_limit is not None:
        return
    if _are_too_many(config, counts, findings.unkept):
        raise BuildError(
            f"{findings.unkept} of {counts.rows_read} rows of '{config.alias}' have a value that cannot be kept, one of them: "
            f"{findings.example}; {_allowed(config)}. Correct the corpus, say in index.fields what the column is, leave it "
            "out of source.columns, or raise the limits."
        )


def _are_too_many(config: CorpusConfig, counts: Counts, dead_letters: int) -> bool:
    limits, rows = config.limits, max(counts.rows_read, 1)
    return dead_letters > limits.max_dead_letters or dead_letters > limits.max_dead_letter_share * rows


def _allowed(config: CorpusConfig) -> str:
    limits = config.limits
    return (
        f"allowed are {limits.max_dead_letters} and {limits.max_dead_letter_share:.2%} (limits.max_dead_letters, "
        "limits.max_dead_letter_share)"
    )
