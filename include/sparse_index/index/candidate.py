"""The candidate index of a build: a new one (full) or a clone of the live one (delta)."""

from __future__ import annotations

import logging
from datetime import datetime

from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.builds.reports import index_report
from sparse_index.builds.sign_of_life import is_living
from sparse_index.cluster.client import Cluster, Json
from sparse_index.creation.create import create_index
from sparse_index.creation.mapping import index_body
from sparse_index.encode.encoder_record import record_encoder
from sparse_index.errors import BuildError
from sparse_index.index.clone import clone_live
from sparse_index.index.fitted import fitted_mapping, outgrown_fields
from sparse_index.live.alias import AliasState, observe_alias
from sparse_index.live.generations import remove_failed_candidates
from sparse_index.live.meta import meta_of, read_meta
from sparse_index.store.files import Store
from sparse_index.store.layout import build_folder, plan_path
from sparse_index.timing import Now, utc_now

log = logging.getLogger(__name__)


def prepare_candidate(
    cluster: Cluster, store: Store, plan: Plan, now: Now = utc_now, *, takes_turns: bool = False
) -> str:
    """Make the candidate ready for writes through `plan.write_alias`; gives its name. Idempotent.

    `takes_turns`: this run has waited for its turn, so every earlier build that a scheduler runs has ended.
    `BuildError` when the alias is no longer as the plan saw it, or a template would make the empty candidate live.
    """
    state = observe_alias(cluster, plan.alias).require_sound()
    _require_as_planned(state, plan)
    # The first that comes alone after all parts were encoded.
    for fingerprint, field in plan.encoders.items():
        record_encoder(store, fingerprint, field)
    tidied = remove_failed_candidates(
        cluster,
        plan.alias,
        plan.build_id,
        lambda build: _is_at_work(store, plan, build, now(), takes_turns=takes_turns),
    )
    if tidied.removed:
        log.info("Removed candidates of earlier builds that never went live: %s", ", ".join(tidied.removed))
    for reason in tidied.left:
        log.warning("A candidate of an earlier build: %s", reason)
    if _is_prepared(cluster, plan) and (plan.kind is BuildKind.DELTA or _is_written(store, plan)):
        return plan.candidate
    if plan.kind is BuildKind.DELTA:
        clone_live(cluster, plan)
        for outgrown in outgrown_fields(cluster, store, plan):
            log.warning("%s", outgrown)
    else:
        _create(cluster, store, plan)
    return plan.candidate


def _is_at_work(store: Store, plan: Plan, build_id: str, now: datetime, *, takes_turns: bool) -> bool:
    """Whether a run may write that build now: one outside Airflow says so by a sign of life; of Airflow's, which have none, only
    a run that takes turns with them knows."""
    living = is_living(store, build_folder(plan.alias, build_id), now)
    if living is None and not takes_turns:
        return store.exists(plan_path(plan.alias, build_id))
    return bool(living)


def _require_as_planned(state: AliasState, plan: Plan) -> None:
    if plan.candidate in state.members:
        raise BuildError(f"{plan.candidate} is live already: this build was promoted. Trigger a new run.")
    if state.index != plan.live_index:
        raise BuildError(
            f"Alias '{plan.alias}' is on {state.index or 'no index'}, but this build was planned when it was on "
            f"{plan.live_index or 'no index'}: another run was promoted meanwhile. Trigger a new run."
        )


def _is_prepared(cluster: Cluster, plan: Plan) -> bool:
    """Whether an earlier attempt made it; what one left half done is deleted. A new index has its `_meta` before it was checked
    (`create_index` checks one that is there), a clone after that."""
    meta = read_meta(cluster, plan.candidate)
    if meta is not None and meta.build_id == plan.build_id and meta.alias == plan.alias:
        meta.require_never_live(plan.candidate)
        if _is_unseen(cluster, plan):
            return True
    # Another build's `_meta` (or none): cloned, but killed before it got its own. An alias of others: created, but killed before
    # it was taken out of those that a template had put it behind.
    cluster.remove(f"/{plan.candidate}")
    return False


def _is_written(store: Store, plan: Plan) -> bool:
    """Whether a part of it has ended, which begins when all checks have passed; its settings may have changed since."""
    return any(index_report(store, plan, part) is not None for part in plan.index_parts)


def _is_unseen(cluster: Cluster, plan: Plan) -> bool:
    """Whether nothing but this build's own writes reaches the candidate."""
    there: Json = cluster.get(f"/{plan.candidate}/_alias")[plan.candidate]["aliases"]
    return set(there) <= {plan.write_alias}


def _create(cluster: Cluster, store: Store, plan: Plan) -> None:
    if plan.mapping is None:
        raise BuildError(f"Build {plan.build_id} was planned by a former version of the package. Trigger a new run.")
    mapping = fitted_mapping(store, plan, plan.mapping)
    body = index_body(plan.config, mapping, meta_of(plan), plan.write_alias)
    create_index(cluster, plan.candidate, plan.alias, body)
