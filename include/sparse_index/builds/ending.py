"""How a build ended: decided here, for the runs of Airflow and of the command line alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sparse_index.builds.plan import Plan
from sparse_index.builds.stages import in_order

GATE, PROMOTE, RETIRE = "gate", "promote", "retire"
Outcome = Literal["promoted", "nothing_changed", "plan_only", "not_promoted", "failed"]
# Of the builds that read everything they were to read: what is live holds it, but for the rows that they name. Others may be
# shown green too, and leave readers' data as old as it was.
CURRENT: frozenset[Outcome] = frozenset({"promoted", "nothing_changed"})
# How the reason begins of a build to which a person has said no: whatever else failed, failed beside it.
ANSWERED = "The gate was in doubt, and the answer to it:"


@dataclass(frozen=True)
class Stage:
    """A stage that has ended, or one part of it. `seconds` of work; `done`: it did what it was to do (one that was skipped
    has neither done it nor failed); `failure`: what it said when it failed."""

    name: str
    seconds: float
    done: bool = True
    failure: str | None = None
    part: int | None = None

    @property
    def label(self) -> str:
        return self.name if self.part is None else f"{self.name}[{self.part}]"


@dataclass(frozen=True)
class Ending:
    """How a build ended, told by whoever ran it. `live`: the index behind the alias now; `untidy`: what was left behind
    against our will, in words; `former_settings`: cluster settings before `ensure` changed them; `approval`: who answered
    what when the gate was in doubt, in words. `candidate_bytes`: of its primaries; `wall_seconds`: from the run's begin;
    `waited_seconds`: for its turn, and for a person. None: nobody knows."""

    outcome: Outcome
    live: str | None
    at: datetime
    untidy: Sequence[str] = ()
    stages: Sequence[Stage] = ()
    former_settings: Mapping[str, Any] = field(default_factory=dict)
    approval: str | None = None
    candidate_bytes: int | None = None
    wall_seconds: float | None = None
    waited_seconds: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether the run may be shown green: not one that failed, nor one that promoted and was stopped, or failed, before
        its last stage had ended."""
        cut_short = self.outcome == "promoted" and not is_done(RETIRE, self.stages)
        return self.outcome != "failed" and not cut_short


def outcome_of(plan: Plan, stages: Sequence[Stage], *, promoted: bool) -> Outcome:
    """`promoted`: the alias is on the candidate (a promotion that died after the switch has promoted), or was put there by
    this run (the next run may have moved it on by now)."""
    if not plan.makes_candidate:
        return plan.outcome_when_idle
    if promoted:
        return "promoted"
    return "not_promoted" if is_done(GATE, stages) and not plan.promotes else "failed"


def is_done(name: str, stages: Iterable[Stage]) -> bool:
    return any(stage.name == name and stage.done for stage in stages)


def failures(stages: Iterable[Stage]) -> dict[str, str]:
    """Stage (with its part) -> what it said, of those that failed, the first of the run first."""
    return in_order({stage.label: stage.failure for stage in stages if stage.failure is not None})


def stage_seconds(stages: Iterable[Stage]) -> dict[str, float]:
    """Of each stage, its parts added up: the work of all tasks together, not wall time."""
    seconds: dict[str, float] = {}
    for stage in stages:
        seconds[stage.name] = round(seconds.get(stage.name, 0.0) + stage.seconds, 3)
    return seconds
