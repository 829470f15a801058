"""Manifests of the corpus x manifest of the live build x vectors store -> the frozen plan: observe, decide, try, write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sparse_index.builds.plan import BuildKind, Plan, save_plan
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.shards import ShardScan
from sparse_index.creation.create import allocation_rules
from sparse_index.creation.trial import try_candidate
from sparse_index.live.alias import observe_alias
from sparse_index.live.meta import read_meta, write_meta
from sparse_index.names import new_build_id, parse_candidate
from sparse_index.plan import guards
from sparse_index.plan.decide import decide, inputs_of
from sparse_index.plan.difference import Difference
from sparse_index.plan.files import write_dead_letters, write_files
from sparse_index.plan.observe import observe, observe_hindrances
from sparse_index.plan.observed import Observed
from sparse_index.relevance.golden import GoldenSet, golden_of, require_answerable
from sparse_index.store.files import Store
from sparse_index.store.sql import connect


def plan_changes(
    cluster: Cluster,
    config: CorpusConfig,
    store: Store,
    scans: Sequence[ShardScan],
    request: RunRequest,
    *,
    now: datetime,
    token: str,
) -> Plan:
    """Compare, decide, freeze. BuildError when a guard says no. Nothing is left in the cluster but a newer day in the `_meta`
    of a live index in which nothing changes: before a full build an empty index like its candidate is made and deleted again."""
    guards.require_unhindered(config, observe_hindrances(cluster, config))
    golden = golden_of(config.gate)
    seen = observe(cluster, store, config, request, scans, build_id=next_build_id(scans, now, token), now=now)
    guards.require_comparable(seen)
    if golden is not None and request.mode is not Mode.PLAN_ONLY and request.row_limit is None:
        _require_answerable(golden, seen)
    with connect(store) as con:
        difference = Difference(con, store, config, inputs_of(seen))
        difference.load()
        changes = difference.changes()
        plan = decide(seen, changes)
        # Before a guard refuses the plan because of them: it names their file.
        write_dead_letters(store, difference, plan)
        guards.require_right(seen, changes, plan)
        plan = _tried_out(cluster, seen, plan)
        write_files(con, store, difference, plan)
    if seen.live.index is not None and plan.makes_candidate:
        # The last look, before hours of encoding.
        guards.require_same_live(seen, observe_alias(cluster, plan.alias).index, seen.live.index)
    save_plan(store, plan)
    _keep_day(cluster, seen, plan)
    return plan


def next_build_id(scans: Sequence[ShardScan], now: datetime, token: str) -> str:
    """Of the build that is planned `now`. It sorts behind the live one, made by a machine whose clock is ahead perhaps: "newer"
    and "previous" go by these ids."""
    live = parse_candidate(scans[0].shard.live_index or "")
    return new_build_id(now, token, None if live is None else live.build_id)


def _require_answerable(golden: GoldenSet, seen: Observed) -> None:
    """Hours before the gate asks it: of the candidate and, where it is known how, of what is live."""
    require_answerable(golden, seen.candidate, seen.mapping, seen.config.vector_fields)
    if seen.live.index is not None and seen.live.plan is not None:
        require_answerable(golden, seen.live.index, seen.live.mapping, seen.live.plan.config.vector_fields)


def _keep_day(cluster: Cluster, seen: Observed, plan: Plan) -> None:
    """Data that a newer day left as they were are that day's, too: their age goes by it, and which day may come next."""
    index, request = seen.live.index, plan.request
    if plan.kind is not BuildKind.NOTHING or index is None or request.mode is Mode.PLAN_ONLY or not plan.promotes:
        return
    if plan.data_date > seen.now.date() + timedelta(days=1) or observe_alias(cluster, plan.alias).index != index:
        return  # a mistake that would lock out the days until then; or somebody has gone back meanwhile
    meta = read_meta(cluster, index)
    if meta is None or meta.is_later:
        return
    if meta.data_date < plan.data_date or (request.force_older_date and meta.data_date != plan.data_date):
        write_meta(cluster, index, meta.model_copy(update={"data_date": plan.data_date}))


def _tried_out(cluster: Cluster, seen: Observed, plan: Plan) -> Plan:
    """The plan with what is to be said about index templates; BuildError when its candidate cannot be made. Of a clone all
    is known but whether it finds a node."""
    cloned = seen.live.attached if plan.kind is BuildKind.DELTA else None
    rules = {} if cloned is None else allocation_rules(cloned.settings)
    if plan.kind is not BuildKind.FULL and not rules:
        return plan
    notes = try_candidate(cluster, plan.config, seen.mapping, rules, seen.now)
    return plan.model_copy(update={"notes": plan.notes + notes})
