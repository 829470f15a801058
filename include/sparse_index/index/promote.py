"""Promotion: a complete candidate goes live when the alias is still where its plan saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError
from sparse_index.live.alias import AliasState, observe_alias
from sparse_index.live.attached import require_movable
from sparse_index.live.meta import Meta, read_meta, write_meta
from sparse_index.live.switch import sealed_count, serve_like_live, switch_alias


@dataclass(frozen=True)
class Promotion:
    """`former` is the previous generation (None at the first promotion); `documents`: of `live`."""

    live: str
    former: str | None
    documents: int
    former_documents: int | None = None

    def __str__(self) -> str:
        before = (
            "it is the first" if self.former is None else f"before: {self.former}, {_counted(self.former_documents)}"
        )
        return f"{self.live} is live with {_counted(self.documents)} ({before})."


def _counted(documents: int | None) -> str:
    return "an unknown number of documents" if documents is None else f"{documents:,} documents"


def promote(cluster: Cluster, plan: Plan, *, now: datetime) -> Promotion:
    """Move the alias to the candidate; `BuildError` when the race was lost or the candidate is not complete.

    What others attached to the live index goes along. Idempotent: a build that is live already only gets tidied up. `now`
    goes into `_meta.promoted_at`.
    """
    state = observe_alias(cluster, plan.alias).require_sound()
    meta = _complete_meta(cluster, plan)
    if state.index != plan.candidate:
        _require_planned(state, plan)
        meta.require_never_live(plan.candidate)
        for index in filter(None, (plan.live_index, plan.candidate)):
            require_movable(cluster, index)
        _require_unchanged_count(cluster, plan, meta)
        _mark_promoted(cluster, plan.live_index, now)
        serve_like_live(cluster, plan)
        switch_alias(cluster, plan.alias, former=plan.live_index, to=plan.candidate, owned=plan.config.index)
    _mark_promoted(cluster, plan.candidate, now)
    former = read_meta(cluster, plan.live_index) if plan.live_index else None
    return Promotion(plan.candidate, plan.live_index, meta.documents or 0, former.documents if former else None)


def _complete_meta(cluster: Cluster, plan: Plan) -> Meta:
    if not plan.promotes:
        raise BuildError(
            f"Build {plan.build_id} was limited to {plan.request.row_limit} rows; such a build never goes live."
        )
    meta = read_meta(cluster, plan.candidate)
    if meta is None or meta.build_id != plan.build_id or meta.state != "complete":
        raise BuildError(
            f"Candidate {plan.candidate} is {'gone' if meta is None else f'in state {meta.state}'}, not complete: only an "
            "index whose books were closed by reconcile goes live. Start a new run."
        )
    return meta


def _require_planned(state: AliasState, plan: Plan) -> None:
    if state.index != plan.live_index:
        raise BuildError(
            f"Lost race: alias '{plan.alias}' is on {state.index or 'no index'}, not on {plan.live_index or 'no index'} as "
            f"this build ({plan.build_id}) was planned. Nothing was changed. Trigger a new run; it reuses the vectors."
        )


def _require_unchanged_count(cluster: Cluster, plan: Plan, meta: Meta) -> None:
    """Block writes, then see that nothing came after reconcile: what was counted is what goes live."""
    count = sealed_count(cluster, plan.candidate)
    if count != meta.documents:
        raise BuildError(
            f"Candidate {plan.candidate} has {count} documents, reconcile counted {meta.documents}: something wrote to it "
            "afterwards. Start a new run."
        )


def _mark_promoted(cluster: Cluster, index: str | None, now: datetime) -> None:
    """Also for the former index: its own promotion may have been killed before it got the mark."""
    meta = read_meta(cluster, index) if index is not None else None
    if index is not None and meta is not None and meta.promoted_at is None:
        write_meta(cluster, index, meta.model_copy(update={"promoted_at": now}))
