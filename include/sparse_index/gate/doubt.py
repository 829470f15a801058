"""What becomes of a candidate that the golden queries show neither as worse nor as no worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sparse_index.builds.check import Check, Verdict, table
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import gate_report
from sparse_index.gate.golden import GOLDEN
from sparse_index.live.meta import Meta
from sparse_index.store.files import Store

Way = Literal["refuse", "ask", "pass"]


@dataclass(frozen=True)
class Question:
    """For whoever answers for the corpus. `body`: Markdown. No answer within `hours` is no; `users`: empty for anybody who may
    edit the run."""

    subject: str
    body: str
    hours: float
    users: Sequence[str]


def is_in_doubt(checks: Sequence[Check]) -> bool:
    return any(check.name == GOLDEN and check.verdict is Verdict.UNDECIDED for check in checks)


def way_of(plan: Plan, live: Meta | None) -> Way:
    """What the corpus file says of a doubt, or what stands for it: another encoder has to show that it is no worse."""
    if plan.config.gate.undecided is not None:
        return plan.config.gate.undecided
    return "refuse" if live is not None and _encoders(plan) != live.encoders else "pass"


def _encoders(plan: Plan) -> frozenset[str]:
    return frozenset({plan.fingerprint, *plan.fingerprints.values()})


def refusal(checks: Sequence[Check], plan: Plan, way: Way, *, can_ask: bool) -> str | None:
    """Why a doubt stops the build; None where nothing is in doubt, or somebody accepted it or is going to be asked."""
    if not is_in_doubt(checks) or plan.request.accept_undecided is not None or way == "pass":
        return None
    if way == "ask" and can_ask:
        return None
    doubt = next(check for check in checks if check.name == GOLDEN)
    asks = " (gate.undecided is `ask`, which only Airflow can)" if way == "ask" else ""
    return (
        f"golden: {doubt.words} Judge more queries, or accept it: `--accept-undecided REASON` on the command line, or "
        f"gate.undecided in the corpus file{asks}"
    )


def question(store: Store, plan: Plan) -> Question | None:
    """What is to be answered before the promotion; None where nobody is asked, or nothing is in doubt."""
    approval, report = plan.config.gate.approval, gate_report(store, plan)
    if plan.config.gate.undecided != "ask" or report is None or not plan.promotes:
        return None
    if approval.when == "undecided" and not is_in_doubt(report.checks):
        return None
    return Question(
        f"May '{plan.alias}' go to {plan.candidate}?", _body(plan, report.checks), approval.hours, approval.users
    )


def _body(plan: Plan, checks: Sequence[Check]) -> str:
    live = f"leaves it on {plan.live_index}" if plan.live_index else "leaves it without an index"
    return "\n".join(
        [
            f"**Approve** moves the alias '{plan.alias}' to {plan.candidate}. **Reject**, or no answer within "
            f"{plan.config.gate.approval.hours:g} hours, {live}, ends this run as failed and keeps the candidate to be looked "
            "at. Until then no other run of this corpus can go on: this one keeps its turn.",
            "",
            "```",
            *table(checks),
            "```",
        ]
    )
