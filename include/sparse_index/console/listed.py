"""A corpus as the console knows it, without its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sparse_index.console.fields import text as text_at


@dataclass(frozen=True)
class FailedRun:
    """A run of a corpus's DAG that has failed without a plan; `ended`: UTC; `day`: of a feed, the one that it was to bring."""

    run_id: str
    ended: datetime
    day: str | None = None


@dataclass(frozen=True)
class Listed:
    """What a corpus's DAG declares of it. `store`: a public address; `connection`: the name of one; `schedule`: in words, None
    for a corpus that runs only when somebody starts it; `running`: a run of it is at work; `asked`: one waits for a person's
    answer; `failed`: its newest run that has ended, of a feed the newest of each day, if that failed and left no plan;
    `searched`: what its file says of searching it, as declared; None where the DAG was parsed by a version that did not.
    `problems`: why its file cannot be used, which `broken_dag` says, too; the rest is then as its DAG declared it last, or
    empty where it never had one."""

    corpus: str
    dag_id: str
    alias: str = ""
    store: str = ""
    connection: str = ""
    owner: str = ""
    description: str = ""
    paused: bool = False
    running: bool = False
    asked: bool = False
    failed: tuple[FailedRun, ...] = ()
    schedule: str | None = None
    period_s: float | None = None
    problems: tuple[str, ...] = ()
    broken_dag: str = ""
    searched: Any = None

    @property
    def is_broken(self) -> bool:
        return bool(self.problems)

    @property
    def is_declared(self) -> bool:
        """Whether anybody knows its alias, store and connection."""
        return bool(self.alias)

    @property
    def undeclared(self) -> Listed:
        """For who may read of its DAGs the broken one alone: what that says."""
        return Listed(
            self.corpus, self.broken_dag, owner=self.owner, problems=self.problems, broken_dag=self.broken_dag
        )

    @property
    def is_feed(self) -> bool:
        return text_at(self.searched, "kind") == "feed"

    def says(self, text: str) -> bool:
        """Whether `text` stands somewhere in its name, alias, owner or description, in any case."""
        words = f"{self.corpus} {self.alias} {self.owner} {self.description}".casefold()
        return text.casefold() in words
