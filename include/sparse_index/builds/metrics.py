"""What a receipt says, as numbers for whoever watches many builds over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sparse_index.builds.ending import GATE


@dataclass(frozen=True)
class Metric:
    """`gauge`: how it is now; `count`: so many more; `seconds`: how long something took."""

    kind: Literal["gauge", "count", "seconds"]
    name: str
    value: float


# Of a run that did not come to a plan, and has no receipt.
NO_BUILD = Metric("count", "builds.failed", 1)


def build_metrics(receipt: Mapping[str, Any]) -> Iterator[Metric]:
    """Of the build; what the receipt did not record is no metric. docs/metrics.md names them all."""
    encode, sizes, books = (receipt.get(name) or {} for name in ("encode", "bytes", "books"))
    yield Metric("count", f"builds.{receipt['outcome']}", 1)
    yield Metric("count", "gate.refusals", int(_gate_refused(receipt)))
    yield Metric("count", "texts.encoded", encode.get("encoded", 0))
    yield Metric("count", "documents.with_reused_vector", books.get("reused", 0))
    yield Metric("count", "dead_letters", _dead_letters(receipt))
    if encode.get("encoded") and encode.get("seconds"):
        yield Metric("gauge", "encode.texts_per_second", encode["encoded"] / encode["seconds"])
    for name in ("wall_seconds", "waited_seconds"):
        if receipt.get(name) is not None:
            yield Metric("seconds", f"build.{name.removesuffix('_seconds')}", receipt[name])
    yield from (Metric("gauge", f"bytes.{name}", size) for name, size in sizes.items() if size is not None)


def _gate_refused(receipt: Mapping[str, Any]) -> bool:
    """It failed, and not before it had looked at everything."""
    return GATE in receipt.get("failures", {}) and receipt.get("gate") is not None


def _dead_letters(receipt: Mapping[str, Any]) -> int:
    """Of the closed books; of a build that did not come that far, as planned and what was refused since: texts, or documents,
    among which are those of the texts."""
    if receipt.get("books"):
        return int(receipt["books"]["dead_letters"])
    planned, *since = (
        int((receipt.get(stage) or {}).get("dead_letters", 0)) for stage in ("planned", "encode", "index")
    )
    return planned + max(since)
