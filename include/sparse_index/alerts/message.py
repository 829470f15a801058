"""What people are told, as one value that every notifier can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

LONGEST_SAID = 2_000


class Kind(StrEnum):
    """What an alert is about. `green` takes back what `failed` said; `asked`: a run waits for a person's answer."""

    FAILED = "failed"
    GREEN = "green"
    ASKED = "asked"
    LATE = "late"
    STALE = "stale"
    TEST = "test"


@dataclass(frozen=True)
class Reader:
    """Whose alert it is: `corpus` is the name of its file (of an operation for all corpora: its DAG)."""

    corpus: str
    owner: str
    owner_url: str | None = None
    runbook_url: str | None = None


@dataclass(frozen=True)
class Alert:
    """`title`: one line; `said`: the reason or summary; `link`: page of the run; `remedy`: chapter of the documentation."""

    kind: Kind
    reader: Reader
    title: str
    said: str
    link: str | None = None
    remedy: str | None = None

    @property
    def corpus(self) -> str:
        return self.reader.corpus

    @property
    def owner(self) -> str:
        return self.reader.owner

    def __str__(self) -> str:
        return "\n".join([self.title, *self._lines()])

    def _lines(self) -> Iterator[str]:
        yield self.said if len(self.said) <= LONGEST_SAID else f"{self.said[:LONGEST_SAID]} … (cut)"
        contact = f", {self.reader.owner_url}" if self.reader.owner_url else ""
        for name, value in (
            ("Run", self.link),
            ("What to do", self.remedy),
            ("Runbook", self.reader.runbook_url),
            ("Owner", f"{self.owner}{contact}"),
        ):
            if value:
                yield f"{name}: {value}"
