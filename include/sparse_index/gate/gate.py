"""The gate: what a complete candidate must show before the alias moves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from sparse_index.builds.check import Check, reasons, skipped, table
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import GATE, GateReport, encoder_report, gate_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.proof import ENCODER
from sparse_index.errors import BuildError
from sparse_index.gate.ask import Judged, judge
from sparse_index.gate.doubt import refusal, way_of
from sparse_index.gate.examine import Examined, checks
from sparse_index.gate.golden import not_judged
from sparse_index.gate.recall import recall_checks
from sparse_index.gate.sides import Side, side_of
from sparse_index.live.attached import observe_attached
from sparse_index.live.meta import read_meta
from sparse_index.store.files import Store
from sparse_index.store.sql import connect

log = logging.getLogger(__name__)


def gate(cluster: Cluster, store: Store, plan: Plan, *, can_ask: bool = False) -> GateReport:
    """Check the candidate and keep the report in the store, whatever it says; `BuildError` naming every check that failed.
    `can_ask`: whether somebody can be asked about a doubt before the promotion."""
    candidate, accepts = side_of(cluster, plan.candidate), plan.request.accept_mass_change
    judged = _judged(cluster, store, plan)
    recall = recall_checks(cluster, store, plan)
    with connect(store) as con:
        alone = Examined(cluster, store, con, plan.config, candidate, None, plan.build_id, accepts_change=accepts)
        examined = _with_live(alone, plan.live_index)
        found = [*_of_the_encoder(store, plan), *checks(examined), *recall, *judged.checks]
        report = replace(_report(examined, found), moved=list(judged.moved))
    GATE.save(store, gate_report_path(plan), report)
    log.info("%s", "\n".join(table(report.checks, wrapped=False)))
    way = way_of(plan, read_meta(cluster, plan.live_index) if plan.live_index else None)
    problems = [*reasons(report.checks), *filter(None, [refusal(judged.checks, plan, way, can_ask=can_ask)])]
    if problems:
        raise BuildError(f"The gate refuses {plan.candidate}: {'; '.join(problems)}. The live index stays as it is.")
    return report


def compare(cluster: Cluster, store: Store, config: CorpusConfig, index: str, against: str, seed: str) -> list[Check]:
    """The checks for any two indices of a corpus, `index` in the place of the candidate."""
    with connect(store) as con:
        examined = Examined(cluster, store, con, config, side_of(cluster, index), None, seed)
        found = list(checks(_with_live(examined, against)))
    return [*found, *judge(cluster, store, config, index, against).checks]


def _judged(cluster: Cluster, store: Store, plan: Plan) -> Judged:
    if not plan.promotes:
        return Judged(not_judged("a limited build answers for a part of the corpus only, and never goes live."))
    return judge(cluster, store, plan.config, plan.candidate, plan.live_index)


def _with_live(examined: Examined, index: str | None) -> Examined:
    """Compared with `index`, where it can be compared with."""
    if index is None:
        return examined
    meta = read_meta(examined.cluster, index)
    if meta is None:
        return replace(examined, alone=f"{index} was not made by this package, or is gone.")
    live = Side(index, meta, observe_attached(examined.cluster, index))
    if live.attached.is_closed:
        return replace(examined, alone=f"{index} is closed.")
    if not examined.store.exists(meta.manifest):
        return replace(examined, alone=f"{meta.manifest}, the manifest of {index}, is not in the store.")
    return replace(examined, live=live)


def _of_the_encoder(store: Store, plan: Plan) -> Sequence[Check]:
    proven = encoder_report(store, plan)
    return proven.checks if proven else [skipped(ENCODER, "Nothing was encoded.")]


def _report(examined: Examined, found: Sequence[Check]) -> GateReport:
    sizes = [
        examined.kinds[field].size(vector)
        for each in examined.sample
        for field, vectors in each.there.items()
        for vector in vectors or ()
        if vector is not None
    ]
    return GateReport(
        documents=examined.documents,
        live_documents=examined.live.meta.documents if examined.live else None,
        sampled=len(examined.sample),
        blank=sum(not any(json is not None for json in each.there.values()) for each in examined.sample),
        tokens_min=min(sizes, default=0),
        tokens_median=float(median(sizes)) if sizes else 0.0,
        tokens_max=max(sizes, default=0),
        checks=list(found),
    )
