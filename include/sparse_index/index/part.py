"""One index task: corpus rows and vectors become writes into the candidate. Run it again and nothing differs."""

from __future__ import annotations

from datetime import datetime

from sparse_index.builds.dead_letters import DeadLetter, require_few, with_sources, write_letters
from sparse_index.builds.empty_vectors import write_empty
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import BuildKind, Part, Plan
from sparse_index.builds.reports import INDEXED, IndexResult, index_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.index.bulk import BulkOutcome, BulkWriter, RejectedItem, Write
from sparse_index.index.documents import PartWrites
from sparse_index.progress import OnProgress, ProgressMeter, silent
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing


def index_part(
    cluster: Cluster,
    store: Store,
    plan: Plan,
    part: Part,
    *,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> IndexResult:
    """Write the part into the candidate; dead letters and the report go into the store, the report last.

    Idempotent: the same ids are written again, and what an earlier attempt reported is replaced.
    """
    started = timing.clock()
    writes = PartWrites(store, plan, part, timing.now)
    writer = BulkWriter(
        cluster,
        plan.write_alias,
        max_bytes=plan.config.index.bulk_bytes,
        in_flight=plan.config.index.bulk_requests_in_flight,
        sleep=timing.sleep,
    )
    meter = ProgressMeter(f"index part {part.number}", part.items, on_progress, unit="documents", clock=timing.clock)
    written = _write(writer, writes, meter, plan.config.limits.max_dead_letters)
    letters = [*writes.rejected, *(_letter(plan, item, timing.now()) for item in written.rejected)]
    path = letters_path(plan, "index", part.number)
    write_letters(store, path, with_sources(plan, letters))
    if letters:
        require_few(plan, len(letters), "documents of one part cannot be indexed", _reasons(letters[-1], path))
    _remove_former(writer, plan, written)
    refused = {letter.id for letter in letters}
    empty = write_empty(store, plan, part, [each for each in writes.empty if each.id not in refused])
    result = IndexResult(
        part=part.number,
        indexed=written.indexed,
        deleted=written.deleted - writes.removals,
        dead_letters=len(letters),
        empty=empty,
        bytes=written.bytes_sent,
        seconds=timing.clock() - started,
        ended_at=timing.now().timestamp(),
    )
    INDEXED.save(store, index_report_path(plan, part), result)
    return result


def _write(writer: BulkWriter, writes: PartWrites, meter: ProgressMeter, allowed: int) -> BulkOutcome:
    """Ends early when more than the `allowed` documents were refused."""
    total = BulkOutcome()
    for outcome in writer.write(writes):
        total += outcome
        meter.add(outcome.writes)
        if len(writes.rejected) + len(total.rejected) > allowed:
            break
    return total


def _reasons(last: DeadLetter, path: str) -> str:
    return f"The last one: id {last.id}, {last.error_class}: {last.reason}. All so far: {path} in the store."


def _remove_former(writer: BulkWriter, plan: Plan, written: BulkOutcome) -> None:
    """A clone still holds yesterday's version of a document that was refused today: out with it."""
    if plan.kind is BuildKind.DELTA:
        doomed = (Write("delete", item.write.id, item.write.place) for item in written.rejected)
        for outcome in writer.write(doomed):
            if outcome.rejected:
                item = outcome.rejected[0]
                raise BuildError(f"Document {item.write.id} could not be deleted from the candidate: {item.reason}")


def _letter(plan: Plan, item: RejectedItem, at: datetime) -> DeadLetter:
    return DeadLetter(
        id=item.write.id,
        stage="index",
        error_class=item.error_class,
        reason=item.reason,
        attempt=item.attempt,
        build_id=plan.build_id,
        at=at,
        place=item.write.place,
    )
