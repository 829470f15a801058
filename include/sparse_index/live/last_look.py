"""What the cluster says when a run ends. A cluster that does not answer may be why the run failed: it must not hide that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import SparseIndexError
from sparse_index.live.alias import observe_alias
from sparse_index.live.size import index_bytes


@dataclass(frozen=True)
class LastLook:
    """`live`: the index behind the alias; `candidate_bytes`: of its primaries, None when nobody knows; `untidy`: what of the
    build's models is there still, or that the cluster could not be asked, in words."""

    live: str | None
    candidate_bytes: int | None
    untidy: list[str]


def last_look(open_cluster: Callable[[], Cluster], plan: Plan, *, promoted: bool) -> LastLook:
    """Never fails for the cluster's sake, nor because it cannot be opened. `promoted`: this run has put the alias on the
    candidate, as far as it knows."""
    live, size = plan.candidate if promoted else plan.live_index, None
    try:
        cluster = open_cluster()
        live = observe_alias(cluster, plan.alias).index
        size = index_bytes(cluster, plan.candidate) if plan.makes_candidate else None
        remains = _remains(cluster, plan)
    except SparseIndexError as error:
        return LastLook(
            live, size, [f"the cluster could not be asked for alias, candidate and models ({error.message})"]
        )
    return LastLook(live, size, remains)


def _remains(cluster: Cluster, plan: Plan) -> list[str]:
    if not plan.encoders:
        return []
    from sparse_index.ml.build_models import build_models  # noqa: PLC0415 - and Arrow: without texts to encode none is made

    return build_models(plan.group, plan.encoders).remains(cluster)


def live_sentence(open_cluster: Callable[[], Cluster], alias: str) -> str:
    """Of a run that planned no build, or whose plan cannot be read."""
    try:
        live = observe_alias(open_cluster(), alias).index
    except SparseIndexError as error:
        return f"The cluster could not be asked what '{alias}' is on ({error.message})."
    return f"'{alias}' {f'is on {live}' if live else 'has no live index'}."
