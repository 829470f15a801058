"""What the store's JSON files say of documents: errors of former runs, notes of plans, ids that a redrive left open."""

from __future__ import annotations

from typing import Any

from sparse_index.operations.sightings import StoreView
from sparse_index.operations.traces import Traces
from sparse_index.store.files import Store
from sparse_index.store.layout import FAILURES, GATE_REPORT_FILE, PLAN_FILE, RECEIPT_FILE, REDRIVE_FILE, builds_folder

REMOVED = "removed: it spoke of a document that was forgotten"
_WITH_MESSAGES = tuple(f"/{name}" for name in (RECEIPT_FILE, PLAN_FILE, REDRIVE_FILE, GATE_REPORT_FILE))


def forget_messages(store: Store, files: StoreView, traces: Traces) -> None:
    """Take out what names one of the documents, or repeats why it was refused. Idempotent."""
    for file in files.under(builds_folder(traces.alias), ".json"):
        if f"/{FAILURES}/" in file.path:
            # Of a part that failed: only a running build reads it.
            if traces.spoken_of(store.read_json(file.path)["message"]):
                store.delete(file.path)
        elif file.path.endswith(_WITH_MESSAGES):
            content = store.read_json(file.path)
            kept = content | _corrected(content, traces)
            if kept != content:
                store.write_json(file.path, kept)


def _corrected(content: dict[str, Any], traces: Traces) -> dict[str, Any]:
    """The fields of a receipt, a plan, a redrive or a gate's report in which somebody's document may be named."""
    found: dict[str, Any] = {}
    if "failures" in content:
        said = content["failures"].items()
        found["failures"] = {stage: REMOVED if traces.spoken_of(message) else message for stage, message in said}
    if "notes" in content:
        found["notes"] = [note for note in content["notes"] if not traces.spoken_of(note)]
    if "checks" in content:
        found["checks"] = [
            check | {"words": REMOVED} if traces.spoken_of(check["words"]) else check for check in content["checks"]
        ]
    if "letters" in content:
        found["letters"] = [
            each | {"reason": REMOVED} if traces.spoken_of(each["reason"] or "") else each
            for each in content["letters"]
        ]
    if content.get("gate"):
        found["gate"] = content["gate"] | _corrected(content["gate"], traces)
    if "remaining" in content:
        found["remaining"] = [name for name in content["remaining"] if not traces.is_named(name)]
    return found
