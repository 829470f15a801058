"""One thing that was looked at before something goes on, with what was found: a row of the gate's table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from textwrap import wrap

_WIDTH = 110


class Verdict(StrEnum):
    """`undecided`: there is a doubt, which is said and stops nothing by itself; `skipped`: there was nothing to look at."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """`value` was measured and `limit` allowed, in the unit that `words` say; None where there is no such number. `words`: a
    sentence for people, with what to do where the verdict asks for it."""

    name: str
    verdict: Verdict
    value: float | None
    limit: float | None
    words: str


def skipped(name: str, why: str) -> Check:
    return Check(name, Verdict.SKIPPED, None, None, why)


def passes(name: str, *, value: float, limit: float, words: str) -> Check:
    """Passed when the value is not above the limit, else failed."""
    return Check(name, Verdict.PASS if value <= limit else Verdict.FAIL, value, limit, words)


def failed(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.verdict is Verdict.FAIL]


def by_verdict(checks: Iterable[Check]) -> dict[str, list[str]]:
    """Verdict -> the names of the checks that ended so."""
    found: dict[str, list[str]] = {}
    for check in checks:
        found.setdefault(check.verdict.value, []).append(check.name)
    return found


def reasons(checks: Iterable[Check]) -> list[str]:
    """Why, of those that failed."""
    return [f"{check.name}: {check.words.rstrip('.')}" for check in failed(checks)]


def table(checks: Iterable[Check], *, wrapped: bool = True) -> Iterator[str]:
    """Lines: name, verdict, value, limit, and the words, `wrapped` in as many lines as they need; none without a check."""
    checks = list(checks)
    if not checks:
        return
    head = f"{'check':<20} {'verdict':<10} {'value':>9} {'limit':>9}  "
    yield f"{head}what was found"
    for check in checks:
        row = f"{check.name:<20} {check.verdict:<10} {_number(check.value):>9} {_number(check.limit):>9}  "
        words = wrap(check.words, _WIDTH) if wrapped else [check.words]
        for number, line in enumerate(words or [""]):
            yield (row if number == 0 else " " * len(head)) + line


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
