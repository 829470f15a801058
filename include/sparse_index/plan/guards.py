"""What a plan must not do unasked: go back in time, change most of the index overnight, lose many rows, or begin what the
cluster will not let it end. Pure functions of what was seen and of the difference; each BuildError says what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pyarrow as pa

from sparse_index.addresses import public_address
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import BuildKind, Counts, Plan
from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.columns import require_usable
from sparse_index.corpus.fields import are_written_alike
from sparse_index.corpus.oddities import Oddities
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, TransientError, UnavailableError
from sparse_index.plan.difference import EXAMPLES, Changes
from sparse_index.plan.disk import readable_bytes
from sparse_index.plan.lengths import require_few_truncated
from sparse_index.plan.observed import Observed
from sparse_index.plan.takeover import plan_takeover

# What decides how a row becomes a document: rows of earlier days of a feed cannot be made anew when it changes.
_ROW_SHAPE = {"id_column", "text_template", "columns", "max_text_chars", "deleted_column"}
# Beyond it a double does not hold every whole number.
_EXACT = 2**53


def require_unhindered(config: CorpusConfig, problems: Sequence[SparseIndexError]) -> None:
    """Nothing is encoded for a candidate that the cluster would refuse; preflight looked hours ago, perhaps. UnavailableError
    where all of it may pass."""
    if problems:
        passes = all(isinstance(problem, TransientError) for problem in problems)
        words = " ".join(problem.message for problem in problems)
        raise (UnavailableError if passes else BuildError)(f"No build of '{config.alias}' can begin: {words}")


def require_comparable(seen: Observed) -> None:
    """Before the rows are compared: what is live lets this run follow it, and the cluster takes the configuration."""
    seen.live.require_known_meta(seen.config, seen.request)
    if seen.scanned.knows_live:
        require_same_live(seen, seen.live.index, seen.scanned.live_index)
    _require_forward_date(seen)
    _require_within_horizon(seen)
    _require_nothing_lost(seen)
    _require_continuable(seen)
    # The configuration may have changed since the types were decided.
    require_usable(seen.config, seen.scanned.schema.schema)
    _require_types_kept(seen)
    if seen.refusal is not None:
        raise ConfigError(f"The cluster refuses index.settings or index.alias of the corpus file: {seen.refusal}")


def require_right(seen: Observed, changes: Changes, plan: Plan) -> None:
    """After the decision: the plan may be carried out."""
    _require_closed(plan.counts)
    if plan.kind is not BuildKind.NOTHING:
        plan_takeover(seen).require_right(plan.alias)
    _require_kept_files(plan, changes)
    if plan.request.row_limit is None:
        _require_documents(plan)
        if not plan.request.accept_mass_change:
            _require_few_deleted(plan, changes)
            _require_few_changed(plan, changes)
    if plan.request.mode is not Mode.PLAN_ONLY:
        require_few_truncated(plan)
        _require_few_dead_letters(plan)
        _require_few_unkept(plan, seen.scanned.oddities)
    if plan.makes_candidate:
        _require_disk(plan, seen.usable_bytes)


def require_same_live(seen: Observed, now: str | None, then: str | None) -> None:
    """What another run read after this one, and promoted, is newer: compared with that, this run's rows would undo it."""
    if now != then:
        raise BuildError(
            f"Alias '{seen.config.alias}' is on {now or 'no index'}, but was on {then or 'no index'} when this run began to read "
            "the corpus: another run was promoted meanwhile, or somebody went back. Nothing was changed. Trigger a new run."
        )


def _require_forward_date(seen: Observed) -> None:
    """P4: an older snapshot never replaces a newer one, unless forced. A feed decides for each document."""
    request, live = seen.request, seen.live.meta
    if seen.config.kind == "feed" or live is None or request.force_older_date:
        return
    if request.data_date < live.data_date:
        raise BuildError(
            f"The live index of '{live.alias}' holds the data of {live.data_date}; this run is for the older "
            f"{request.data_date}. Nothing to do, or set `force_older_date` to go back on purpose."
        )


def _require_within_horizon(seen: Observed) -> None:
    """A feed's partition older than every tombstone that is kept could bring deleted documents back."""
    config, request, newest = seen.config, seen.request, seen.live.data_date
    if config.kind != "feed" or newest is None or request.force_older_date:
        return
    oldest = newest - timedelta(days=config.source.backfill_horizon_days)
    if request.data_date < oldest:
        raise BuildError(
            f"The partition {request.data_date} of '{config.alias}' is older than {oldest}: deletions from before that day "
            f"are forgotten (source.backfill_horizon_days is {config.source.backfill_horizon_days}, the newest data is of "
            f"{newest}), so that it could bring deleted documents back. Set `force_older_date` to take it all the same."
        )


def skipped_days_note(seen: Observed) -> list[str]:
    """A scheduler that stood still catches nothing up: days that lie between are named, not passed over in silence."""
    newest, day = seen.live.data_date, seen.request.data_date
    if seen.config.kind != "feed" or newest is None or day <= newest + timedelta(days=1):
        return []
    first, last = newest + timedelta(days=1), day - timedelta(days=1)
    return [f"the index has nothing of {first} to {last}: if partitions of those days were not read, backfill them"]


def _require_continuable(seen: Observed) -> None:
    """A feed's partition is not the whole corpus: without the live manifest, or with ids or texts made otherwise, stop.

    Other fields may change: earlier days are read again for the new index, and need no encoding.
    """
    config, live = seen.config, seen.live
    if config.kind != "feed" or live.index is None:
        return
    remedy = "Undo the change, or give the corpus a new alias and run its partitions again."
    if live.manifest is None or live.meta is None:
        raise BuildError(
            f"The manifest of {live.index} is not in the store {config.store}; one partition of the feed '{config.alias}' "
            f"cannot replace it. Restore it from a backup. {remedy}"
        )
    if live.unreadable:
        raise BuildError(live.unreadable)
    if live.plan is None or _makes_other_documents(live.plan.config, config, seen.scanned.schema.schema):
        raise BuildError(
            f"The feed '{config.alias}' now makes documents in another way than {live.index} (id column, text template, "
            f"columns, text length, passages, or the type of id or text in index.fields); its earlier partitions would have to "
            f"be read again. {remedy}"
        )


def _require_nothing_lost(seen: Observed) -> None:
    """An alias on nothing is no new feed where an index was live: it would go on with the documents of one day."""
    lost, request = seen.live.lost, seen.request
    if lost is None or request.accept_mass_change or request.row_limit is not None:
        return
    way = "Roll back to it" if lost.is_there else "Restore it from a snapshot, then roll back to it"
    raise BuildError(
        f"The feed '{seen.config.alias}' has no live index, but {lost.index} was live, and one partition cannot replace it. "
        f"{way}; or run all partitions again, with `accept_mass_change`."
    )


def _makes_other_documents(former: CorpusConfig, now: CorpusConfig, schema: pa.Schema) -> bool:
    return _row_shape(former) != _row_shape(now) or _other_texts(former, now, schema)


def _row_shape(config: CorpusConfig) -> Json:
    own = {name: field.text_shape for name, field in config.vector_fields.items() if field.has_own_texts}
    return {**config.source.model_dump(include=_ROW_SHAPE), "own": own}


def _other_texts(former: CorpusConfig, now: CorpusConfig, schema: pa.Schema) -> bool:
    """Whether the declared types write an id or a text in another way."""
    before, after = former.index.fields, now.index.fields
    return not all(
        are_written_alike(schema.field(name).type, before.get(name), after.get(name))
        for name in {now.source.id_column, *now.text_columns}
    )


def _require_types_kept(seen: Observed) -> None:
    """The documents of a feed's earlier days can be read in the decided types."""
    problems = list(_unkept_types(seen)) if seen.config.kind == "feed" else []
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise BuildError(
            f"The documents of earlier days of the feed '{seen.config.alias}' cannot be kept in wider types:{lines}\nWrite this "
            "day with the former types, or give the corpus a new alias and run its days again."
        )


def _unkept_types(seen: Observed) -> Iterator[str]:
    for name, types in seen.wider.items():
        change = f"column '{name}' is {types.live} in {seen.live.index} and would become {types.decided}"
        if name in seen.config.text_columns:
            yield f"{change}: it stands in the text template, and the texts of earlier days would change"
        elif seen.largest.get(name, 0) >= _EXACT:
            yield f"{change}, but numbers beyond 2^53 are there, which that cannot hold"


def _require_closed(counts: Counts) -> None:
    """P1 at plan time: every row read is in exactly one line of the books."""
    lines = (
        counts.unchanged,
        counts.encoded,
        counts.reused,
        counts.blank,
        counts.duplicate_ids,
        counts.superseded,
        counts.tombstones,
        counts.dead_letters,
    )
    if sum(lines) != counts.rows_read:
        raise BuildError(
            f"The plan's books do not close: {counts.rows_read} rows read, {sum(lines)} accounted for: {counts}. "
            "Nothing was changed; report this as a defect."
        )


def _require_kept_files(plan: Plan, changes: Changes) -> None:
    """A full build of a feed reads the documents of earlier partitions again."""
    lost = changes.lost
    if lost.files:
        raise BuildError(
            f"A full build of the feed '{plan.alias}' ({'; '.join(plan.reasons)}) would read documents of earlier partitions "
            f"again, but {len(lost.files)} of their files changed or are gone ({', '.join(lost.files[:EXAMPLES])}, ...), with "
            f"the rows of {', '.join(lost.ids)}, ... Undo what asks for a full build and run those partitions again first; a "
            "document that its partition no longer has needs its row back, or a row that deletes it. Or give the corpus a new "
            "alias and run all of them."
        )


def _require_documents(plan: Plan) -> None:
    config = plan.config
    if plan.counts.documents < config.limits.min_documents:
        raise BuildError(
            f"The new state of '{plan.alias}' has {plan.counts.documents} documents, fewer than limits.min_documents "
            f"({config.limits.min_documents}). Look at the corpus at {public_address(config.source.uri)}."
        )


def _require_few_deleted(plan: Plan, changes: Changes) -> None:
    before, deleted = changes.documents_before, plan.counts.deleted
    if deleted > plan.config.limits.max_deleted_share * before:
        raise BuildError(
            f"{deleted} of {before} documents of '{plan.alias}' would vanish ({', '.join(changes.deleted_examples)}, ...), "
            "more than limits.max_deleted_share. Check the corpus, or set `accept_mass_change`."
        )


def _require_few_changed(plan: Plan, changes: Changes) -> None:
    before, changed = changes.documents_before, plan.counts.text_changed + plan.counts.fields_changed
    if changed > plan.config.limits.max_changed_share * before:
        raise BuildError(
            f"{changed} of {before} documents of '{plan.alias}' would change ({', '.join(changes.changed_examples)}, ...), "
            "more than limits.max_changed_share. Check the corpus, or set `accept_mass_change`."
        )


def _require_few_dead_letters(plan: Plan) -> None:
    """With so many unusable rows reconcile would refuse the build at its end."""
    if _are_too_many(plan, plan.counts.dead_letters):
        raise BuildError(
            f"{plan.counts.dead_letters} of {plan.counts.rows_read} rows of '{plan.alias}' cannot be documents; "
            f"{_allowed(plan)}. Rows and reasons: {letters_path(plan, 'scan')} in the store. Correct the corpus, or raise the "
            "limits."
        )


def _require_few_unkept(plan: Plan, oddities: Oddities) -> None:
    """Rows with a value that cannot be kept become dead letters when they are indexed: with too many of them nothing need be
    encoded first."""
    if plan.request.row_limit is None and _are_too_many(plan, oddities.unkept):
        raise BuildError(
            f"{oddities.unkept} of {plan.counts.rows_read} rows of '{plan.alias}' have a value that cannot be kept, one of "
            f"them: {oddities.example}; {_allowed(plan)}. Correct the corpus, say in index.fields what the column is, leave it "
            "out of source.columns, or raise the limits."
        )


def _are_too_many(plan: Plan, dead_letters: int) -> bool:
    limits, rows = plan.config.limits, max(plan.counts.rows_read, 1)
    return dead_letters > limits.max_dead_letters or dead_letters > limits.max_dead_letter_share * rows


def _allowed(plan: Plan) -> str:
    limits = plan.config.limits
    return (
        f"allowed are {limits.max_dead_letters} and {limits.max_dead_letter_share:.2%} (limits.max_dead_letters, "
        "limits.max_dead_letter_share)"
    )


def _require_disk(plan: Plan, usable: int | None) -> None:
    """Before a first build nobody knows what it needs."""
    if plan.disk_bytes is not None and usable is not None and plan.disk_bytes > usable:
        raise BuildError(
            f"The candidate of '{plan.alias}' may need {readable_bytes(plan.disk_bytes)} (a whole copy of the live index for "
            f"each primary and replica), the data nodes have {readable_bytes(usable)} left below the high disk watermark. Free "
            "disk, add a node, or lower index.replicas or retention.generations."
        )
