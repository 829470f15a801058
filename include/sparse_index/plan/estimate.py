"""How long a build will take: what its stages need of one item, from former builds or a probe, times the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparse_index.builds.plan import Estimate

# A build with less of the work says little of it: a day of ten texts spends its seconds on other things.
_ALIKE_SHARE = 0.1
# What the same work took on two days differs by as much.
_KNOWN_SPREAD = 0.2
# A few seconds before the build, beside whatever else the cluster does then.
_PROBED_SPREAD = 0.35
# Measured with small documents on two cores and on a busy machine: bench/rebuild.py and docs/performance.md.
_ASSUMED_WRITES_PER_S, _ASSUMED_FACTOR = 3_000.0, 3.0


@dataclass(frozen=True)
class Speed:
    """Wall seconds that a stage needs of one item, all its tasks together: likely, at best, at worst. `because`: in words."""

    each: float
    low: float
    high: float
    because: str


def encoding_of(receipts: Sequence[Mapping[str, Any]], encoders: set[str], texts: int, tasks: int) -> Speed | None:
    """As former builds with just these encoders needed it; None where there is none. `tasks`: that encode at once."""
    alike = [receipt for receipt in receipts if _encoders(receipt) == encoders]
    return _known(texts, [_work(receipt, "encode", ("encoded",), tasks) for receipt in alike], "encoding", "texts")


def indexing_of(receipts: Sequence[Mapping[str, Any]], writes: int) -> Speed:
    """As former builds needed it; before any of them, as it is assumed."""
    known = _known(
        writes, [_work(receipt, "index", ("indexed", "deleted"), 1) for receipt in receipts], "writing", "documents"
    )
    each = 1 / _ASSUMED_WRITES_PER_S
    because = f"writing is assumed to do some {_ASSUMED_WRITES_PER_S:,.0f} documents/s"
    return known or Speed(each, each / _ASSUMED_FACTOR, each * _ASSUMED_FACTOR, because)


def probed(texts: int, texts_per_s: float) -> Speed:
    """As the model was seen to need it of `texts` texts."""
    each = 1 / texts_per_s
    because = f"encoding {_rate(each)} texts/s as a probe with {texts:,} of them did"
    return Speed(each, each * (1 - _PROBED_SPREAD), each * (1 + _PROBED_SPREAD), because)


def one_after_another(encoders: Sequence[tuple[int, Speed]]) -> Speed:
    """Of several encoders with so many texts each, as one stage."""
    total = sum(texts for texts, _ in encoders)
    each, low, high = (
        sum(texts * getattr(speed, name) for texts, speed in encoders) / total for name in ("each", "low", "high")
    )
    return Speed(each, low, high, ", ".join(speed.because for _, speed in encoders))


def expected(texts: int, encoding: Speed | None, writes: int, indexing: Speed) -> Estimate:
    """Both stages, one after the other. `encoding`: None where there are no texts."""
    stages = [(texts, encoding)] if encoding is not None and texts else []
    stages += [(writes, indexing)] if writes else []
    seconds, low, high = (
        sum(items * float(getattr(speed, name)) for items, speed in stages) for name in ("each", "low", "high")
    )
    return Estimate(seconds=seconds, low=low, high=high, because="; ".join(speed.because for _, speed in stages))


def _encoders(receipt: Mapping[str, Any]) -> set[Any]:
    """By fingerprint; a receipt tells the second and further ones where there are any."""
    return {receipt.get("fingerprint"), *(receipt.get("fingerprints") or {}).values()}


def _work(receipt: Mapping[str, Any], stage: str, counted: tuple[str, ...], tasks: int) -> tuple[int, float]:
    """Items and wall seconds; of a former version, which did not keep these, as if its tasks had always run at once."""
    numbers = receipt.get(stage) or {}
    items = sum(numbers.get(name) or 0 for name in counted)
    wall = numbers.get("wall_seconds")
    at_once = max(1, min(tasks, numbers.get("parts_ended") or 1))
    return items, wall if wall is not None else (numbers.get("seconds") or 0.0) / at_once


def _known(items: int, done: Sequence[tuple[int, float]], stage: str, unit: str) -> Speed | None:
    done = [(number, seconds) for number, seconds in done if number > 0 and seconds > 0]
    if not done:
        return None
    alike = [work for work in done if work[0] >= items * _ALIKE_SHARE] or done
    each = sum(seconds for _, seconds in alike) / sum(number for number, _ in alike)
    one_by_one = [seconds / number for number, seconds in alike]
    low, high = min(*one_by_one, each * (1 - _KNOWN_SPREAD)), max(*one_by_one, each * (1 + _KNOWN_SPREAD))
    builds = f"{len(alike)} former builds did" if len(alike) > 1 else "a former build did"
    return Speed(each, low, high, f"{stage} {_rate(each)} {unit}/s as {builds}")


def _rate(each: float) -> str:
    return f"{1 / each:,.1f}" if each > 0.01 else f"{1 / each:,.0f}"
