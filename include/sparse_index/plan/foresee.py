"""The time that a plan's build will need, from receipts of former ones; where none knows its encoders, from a probe of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from sparse_index.builds.plan import BuildKind, Estimate, Plan, Texts, save_plan
from sparse_index.builds.receipt import read_receipt, receipt_paths
from sparse_index.cluster.client import Cluster
from sparse_index.encode.sample import sample_texts
from sparse_index.encode.speed import texts_per_second
from sparse_index.encode.where import NotAtHand, at_hand
from sparse_index.errors import SparseIndexError
from sparse_index.plan.estimate import encoding_of, indexing_of, probed, rest_of, together
from sparse_index.plan.former import Former
from sparse_index.store.files import Store
from sparse_index.timing import Clock

# Of a corpus that is looked at every hour and changes once a day, most builds had nothing to do.
BUILDS_ASKED, RECEIPTS_READ = 10, 50
# A probe costs at most a tenth of what it foresees, and one of fewer than ten texts says nothing. So many are all alike.
_SHARE_PROBED, _FEWEST_TEXTS, _DIFFERENT_TEXTS = 10, 100, 256


def foreseen(cluster: Cluster, store: Store, plan: Plan, *, encodes_here: bool, clock: Clock) -> Plan:
    """The plan with its estimate, or with why there is none; kept in the store. A model that cannot be asked stops nothing.

    `encodes_here`: whether a model that workers load would be loaded in this very process.
    """
    if plan.kind is BuildKind.NOTHING:
        found: Estimate | NotAtHand = Estimate(seconds=0.0, low=0.0, high=0.0, because="")
    else:
        former = list(islice(_newest_builds(store, plan), BUILDS_ASKED))
        found = _of_stages(cluster, store, plan, former, encodes_here=encodes_here, clock=clock)
    if isinstance(found, NotAtHand):
        said: dict[str, Any] = {"no_estimate": f"no former build has done this work, and {found.why}"}
    else:
        said = {"estimate": found, "seconds": found.seconds}
    plan = plan.model_copy(update=said)
    save_plan(store, plan)
    return plan


def _of_stages(
    cluster: Cluster, store: Store, plan: Plan, former: Sequence[Former], *, encodes_here: bool, clock: Clock
) -> Estimate | NotAtHand:
    due, stages = Texts(plan.counts.texts_to_encode, plan.counts.chars_to_encode), list[Estimate]()
    if due.number:
        encoding: Estimate | NotAtHand | None = encoding_of(former, frozenset(plan.fingerprints.values()), due)
        if encoding is None:
            encoding = _probed(cluster, store, plan, encodes_here=encodes_here, clock=clock)
        if isinstance(encoding, NotAtHand):
            return encoding
        stages.append(encoding)
    if plan.writes:
        stages.append(indexing_of(former, plan.writes))
    return together([*stages, rest_of(former, plan.kind, encodes=due.number > 0)])


def _newest_builds(store: Store, plan: Plan) -> Iterator[Former]:
    """Those that encoded or wrote anything."""
    tasks = min(plan.config.parallel_tasks, plan.config.source.max_shards)
    paths = receipt_paths(store, plan.alias)
    for path in reversed(paths[-RECEIPTS_READ:]):
        with suppress(FileNotFoundError, TypeError, ValueError):  # the janitor may be at work; an odd one says nothing
            build = Former.of(read_receipt(store, path), tasks)
            if build.texts.number or build.writes:
                yield build


def _probed(cluster: Cluster, store: Store, plan: Plan, *, encodes_here: bool, clock: Clock) -> Estimate | NotAtHand:
    """One encoder after the other."""
    if not plan.request.probe:
        return NotAtHand("no probe was wanted")
    if plan.counts.texts_to_encode < _FEWEST_TEXTS:
        return NotAtHand(f"{plan.counts.texts_to_encode} texts are too few for a probe")
    encoders: list[Estimate] = []
    for name, due in plan.texts_by_encoder.values():
        found = _of_field(cluster, store, plan, name, due, encodes_here=encodes_here, clock=clock)
        if isinstance(found, NotAtHand):
            return found
        encoders.append(found)
    return together(encoders)


def _of_field(
    cluster: Cluster, store: Store, plan: Plan, name: str, due: Texts, *, encodes_here: bool, clock: Clock
) -> Estimate | NotAtHand:
    try:
        model = at_hand(cluster, store, plan, name, encodes_here=encodes_here)
        if isinstance(model, NotAtHand):
            return model
        most = max(1, due.number // _SHARE_PROBED)
        texts = sample_texts(store, plan, name, min(most, _DIFFERENT_TEXTS))
        limit, largest = model.governor.limit, model.docs_per_request
        found = texts_per_second(model.predictor, texts, most, limit, largest, clock) if texts else None
    except SparseIndexError as error:
        return NotAtHand(f"vector field '{name}' could not be probed: {error.message}")
    if found is None:
        return NotAtHand(f"the first rows gave '{name}' no vector")
    encoded, texts_per_s = found
    reads = plan.config.vector_fields[name].encoder.reads_chars
    chars = sum(min(len(text), reads) for text in texts) / len(texts)
    return probed(due, Texts(encoded, round(encoded * chars)), texts_per_s)
