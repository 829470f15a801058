"""What a former build needed, as its receipt tells: amounts of work and wall seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sparse_index.builds.plan import Texts

# Over before a plan can say anything, by their names on the command line and in Airflow; and what waits for a person.
_NOT_FORESEEN = ("plan", "plan_changes", "approve")
_ENDED_WELL = ("promoted", "not_promoted")
# Airflow needs minutes, at the most, to go from task to task.
_LAY_STILL_S = 3_600.0


@dataclass(frozen=True)
class Former:
    """One former build. `encoders`: by fingerprint; `writes`: documents written or deleted. Seconds are of wall time, None where
    the receipt does not tell them; `rest_s`: from the plan to the receipt without the two."""

    encoders: frozenset[str]
    kind: str
    texts: Texts
    encode_s: float
    writes: int
    index_s: float
    rest_s: float | None

    @classmethod
    def of(cls, receipt: Mapping[str, Any], tasks: int) -> Former:
        """`tasks`: that encode at once."""
        encode, index = (receipt.get(stage) or {} for stage in ("encode", "index"))
        encode_s, index_s = _wall_seconds(encode, tasks), _wall_seconds(index, 1)
        foreseeable = seconds_foreseeable(receipt)
        return cls(
            encoders=frozenset(
                filter(None, (receipt.get("fingerprint"), *(receipt.get("fingerprints") or {}).values()))
            ),
            kind=str(receipt.get("kind")),
            texts=_encoded(encode, receipt.get("planned") or {}),
            encode_s=encode_s,
            writes=sum(index.get(name) or 0 for name in ("indexed", "deleted")),
            index_s=index_s,
            rest_s=None if foreseeable is None else max(0.0, foreseeable - encode_s - index_s),
        )


def seconds_foreseeable(receipt: Mapping[str, Any]) -> float | None:
    """From the end of the plan to the receipt, without what a person took to answer; None of a build that did not end well, or
    that lay still for long: its tasks were cleared hours after they had failed."""
    began, ended, stages = (receipt.get(name) for name in ("created_at", "ended_at", "stage_seconds"))
    if receipt.get("outcome") not in _ENDED_WELL or not (began and ended and stages):
        return None
    whole = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
    if whole - sum(filter(None, stages.values())) > _LAY_STILL_S:
        return None
    return whole - sum(stages.get(name) or 0.0 for name in _NOT_FORESEEN)


def _wall_seconds(stage: Mapping[str, Any], tasks: int) -> float:
    """Of a former version, which did not keep them, as if its tasks had always run at once."""
    wall = stage.get("wall_seconds")
    at_once = max(1, min(tasks, stage.get("parts_ended") or 1))
    return float(wall if wall is not None else (stage.get("seconds") or 0.0) / at_once)


def _encoded(stage: Mapping[str, Any], planned: Mapping[str, Any]) -> Texts:
    """Those that a build that was stopped came to were as long as all that it was to encode."""
    encoded, due, chars = stage.get("encoded") or 0, planned.get("texts_to_encode") or 0, planned.get("chars_to_encode")
    return Texts(encoded, round(chars * encoded / due) if chars and due else None)
