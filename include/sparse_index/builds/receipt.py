"""The receipt of a build: what it read, encoded, reused, wrote and rejected, how long it took, what is live now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter

from sparse_index.builds.check import Check, table
from sparse_index.builds.ending import Ending, failures, stage_seconds
from sparse_index.builds.folder import letters_files
from sparse_index.builds.footprint import folder_bytes, vectors_bytes
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import (
    ENCODED,
    INDEXED,
    Books,
    GateReport,
    UsedModel,
    books_report,
    encode_report,
    encoder_report,
    gate_report,
    index_report,
)
from sparse_index.errors import BuildError
from sparse_index.forms import Form
from sparse_index.store.files import Store
from sparse_index.store.layout import RECEIPT_FILE, builds_folder, receipt_path

LATEST = "latest"
T = TypeVar("T")
SHOWN = 5
_CHECKS, _MOVED = "checks", "moved"
_REASONS = 10

RECEIPT = Form(dict[str, Any], "a receipt", "Read it with that version.")
# Which fields a receipt has; a field that is missing was not recorded. 2: `partition`, `model`, `models`, `bytes`,
# `wall_seconds`, `waited_seconds`. 3: `letters`, and `moved` of the gate.
SCHEMA_VERSION = 3


def first_line(plan: Plan, ending: Ending) -> str:
    """For a person in a hurry: what is live and what is untidy."""
    return " ".join(sentences(plan, ending))


def sentences(plan: Plan, ending: Ending) -> list[str]:
    """What is live and how the build ended; what is untidy."""
    live = f"'{plan.alias}' is on {ending.live}" if ending.live else f"'{plan.alias}' has no live index"
    what = {
        "promoted": "this build was promoted",
        "nothing_changed": "nothing had changed",
        "plan_only": "only a plan was made",
        "not_promoted": f"this build ({plan.candidate}) was complete but not promoted",
        "failed": "this build failed",
    }[ending.outcome]
    untidy = f"Untidy: {'; '.join(ending.untidy)}." if ending.untidy else "Nothing is untidy."
    read = f"partition {plan.partition}: " if plan.partition else ""
    return [f"{live}; {read}{what}.", untidy]


def write_receipt(store: Store, plan: Plan, ending: Ending) -> dict[str, Any]:
    """Write the receipt into the store (the index's `_meta.receipt` names it); gives its content."""
    content = receipt(store, plan, ending) | RECEIPT.signature()
    store.write_json(receipt_path(plan.alias, plan.build_id), content)
    return content


def receipt(store: Store, plan: Plan, ending: Ending) -> dict[str, Any]:
    """The receipt as JSON-able values, the sentence for people first. What a build has not come to is None."""
    proven = encoder_report(store, plan)
    return {
        "summary": first_line(plan, ending),
        "outcome": ending.outcome,
        "live": ending.live,
        "untidy": list(ending.untidy),
        "failures": failures(ending.stages),
        "alias": plan.alias,
        "build_id": plan.build_id,
        "run_id": plan.request.run_id,
        "data_date": plan.request.data_date.isoformat(),
        "partition": plan.partition.isoformat() if plan.partition else None,
        "kind": plan.kind.value,
        "reasons": plan.reasons,
        "candidate": plan.candidate if plan.makes_candidate else None,
        "former": plan.live_index,
        "fingerprint": plan.fingerprint,
        "fingerprints": plan.fingerprints if len(plan.fingerprints) > 1 else {},
        "source_version": plan.source_version,
        "created_at": plan.created_at.isoformat(),
        "ended_at": ending.at.isoformat(),
        "planned": plan.counts.model_dump(),
        **_models(plan, proven.models if proven else {}),
        "encoder": {"checks": asdict(proven)["checks"]} if proven else None,
        "books": _content(books_report(store, plan)),
        "gate": _content(gate_report(store, plan)),
        "accept_undecided": plan.request.accept_undecided,
        "approval": ending.approval,
        "encode": _summed(ENCODED, [encode_report(store, plan, part) for part in plan.encode_parts]),
        "index": _summed(INDEXED, [index_report(store, plan, part) for part in plan.index_parts]),
        "letters": _letters(store, plan),
        "bytes": {
            "candidate": ending.candidate_bytes,
            "store": folder_bytes(store, plan),
            "vectors": vectors_bytes(store, plan),
        },
        "wall_seconds": _rounded(ending.wall_seconds),
        "waited_seconds": _rounded(ending.waited_seconds),
        "stage_seconds": stage_seconds(ending.stages),
        "former_settings": dict(ending.former_settings),
        "schema_version": SCHEMA_VERSION,
    }


def _models(plan: Plan, used: Mapping[str, UsedModel]) -> dict[str, Any]:
    """Of the first vector field's encoder, and where there are several, of each by its fingerprint."""
    known = {fingerprint: asdict(model) for fingerprint, model in used.items()}
    return {"model": known.get(plan.fingerprint), "models": known if len(plan.fingerprints) > 1 else {}}


def _letters(store: Store, plan: Plan) -> list[dict[str, Any]]:
    """Why rows and texts were rejected, the most frequent reasons."""
    if not letters_files(store, plan):
        return []
    from sparse_index.builds.dead_letters import most_frequent  # noqa: PLC0415 - and Arrow, which most receipts do without

    return most_frequent(store, plan, _REASONS)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def saved_receipt(store: Store, alias: str, build: str = LATEST) -> tuple[str, dict[str, Any]]:
    """(Path, content) of a build's receipt, or of the newest build that has one; BuildError where there is none."""
    paths = receipt_paths(store, alias)
    wanted = [path for path in paths if build in (LATEST, path.split("/")[-2])]
    if not wanted:
        there = ", ".join(path.split("/")[-2] for path in reversed(paths[-SHOWN:])) or "none"
        raise BuildError(f"'{alias}' has no receipt of build {build!r} in the store. The newest receipts: {there}.")
    return wanted[-1], read_receipt(store, wanted[-1])


def receipt_paths(store: Store, alias: str) -> list[str]:
    """Of every receipt, the newest build's last."""
    return store.files(builds_folder(alias), f"/{RECEIPT_FILE}")


def read_receipt(store: Store, path: str) -> dict[str, Any]:
    """What a receipt of any version says, of a later form too: each reader takes the fields that are there."""
    content = store.read_json(path)
    return content if isinstance(content, dict) else {}


def saved_outcome(store: Store, alias: str, build_id: str) -> str | None:
    """How a build ended, by its receipt; None where there is none, or none that can be read."""
    try:
        outcome = read_receipt(store, receipt_path(alias, build_id)).get("outcome")
    except (FileNotFoundError, ValueError):
        return None
    return None if outcome is None else str(outcome)


def receipt_lines(content: Mapping[str, Any]) -> Iterator[str]:
    """A receipt in words, whatever version wrote it: the sentence first, then each field that says something."""
    yield str(content.get("summary", ""))
    for name, value in content.items():
        shown = _without_table(value)
        if name != "summary" and shown not in (None, [], {}, ""):
            yield f"  {name.replace('_', ' '):<17}{_in_words(shown)}"
    yield from (f"  {line}" for line in table(_checks(content)))


def _without_table(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: item for name, item in value.items() if name not in (_CHECKS, _MOVED)}


def _checks(content: Mapping[str, Any]) -> list[Check]:
    """Of the gate, where the build came that far; of the encoder, where not."""
    for stage in ("gate", "encoder"):
        found = (content.get(stage) or {}).get(_CHECKS)
        if found:
            return TypeAdapter(list[Check]).validate_python(found)
    return []


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_in_words(item)}" for name, item in value.items())
    return "; ".join(map(_in_words, value)) if isinstance(value, list) else str(value)


def _content(report: Books | GateReport | None) -> dict[str, Any] | None:
    """None where the build did not come that far."""
    return asdict(report) if report is not None else None


def _summed(form: Form[T], reports: Sequence[T | None]) -> dict[str, Any]:
    """The numbers of all parts that ended, added up; `seconds` is the work of all tasks together, `wall_seconds` the time in
    which at least one of them was at work (None: a former version did some)."""
    ended = [form.content(report) for report in reports if report is not None]
    no_amounts = {"part", "ended_at"}
    names = (
        [name for name, value in ended[0].items() if name not in no_amounts and not isinstance(value, dict)]
        if ended
        else []
    )
    totals = {name: round(sum(report[name] for report in ended), 3) for name in names}
    wall = {"wall_seconds": _rounded(_seconds_at_work(ended))} if ended else {}
    return {"parts": len(reports), "parts_ended": len(ended)} | totals | wall


def _seconds_at_work(ended: Sequence[Mapping[str, Any]]) -> float | None:
    if any(report["ended_at"] is None for report in ended):
        return None
    total = reached = 0.0
    for begin, end in sorted((report["ended_at"] - report["seconds"], report["ended_at"]) for report in ended):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
