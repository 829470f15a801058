"""The time that a plan's build will need, from receipts of former ones; where none knows its encoders, from a probe of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from sparse_index.builds.plan import Plan, save_plan
from sparse_index.builds.receipt import read_receipt, receipt_paths
from sparse_index.cluster.client import Cluster
from sparse_index.encode.sample import sample_texts
from sparse_index.encode.speed import texts_per_second
from sparse_index.encode.where import NotAtHand, at_hand
from sparse_index.errors import SparseIndexError
from sparse_index.plan.estimate import Speed, encoding_of, expected, indexing_of, one_after_another, probed
from sparse_index.store.files import Store
from sparse_index.timing import Clock

RECEIPTS_READ = 10
# A probe costs at most a tenth of what it foresees, and one of fewer than ten texts says nothing.
_FEWEST_TEXTS, _MOST_PROBED = 100, 256


def foreseen(cluster: Cluster, store: Store, plan: Plan, *, encodes_here: bool, clock: Clock) -> Plan:
    """The plan with its estimate, or with why there is none; kept in the store. A model that cannot be asked stops nothing.

    `encodes_here`: whether a model that workers load would be loaded in this very process.
    """
    receipts = list(_newest_receipts(store, plan.alias))
    texts = sum(due for _, due in plan.texts_by_encoder.values())
    tasks = min(plan.config.encoder.parallel_tasks, plan.config.source.max_shards)
    encoding: Speed | NotAtHand | None = encoding_of(receipts, set(plan.fingerprints.values()), texts, tasks)
    if encoding is None and texts:
        encoding = _probed(cluster, store, plan, texts, encodes_here=encodes_here, clock=clock)
    if isinstance(encoding, NotAtHand):
        said: dict[str, Any] = {"no_estimate": f"no former build has done this work, and {encoding.why}"}
    else:
        estimate = expected(texts, encoding, plan.writes, indexing_of(receipts, plan.writes))
        said = {"estimate": estimate, "seconds": estimate.seconds}
    plan = plan.model_copy(update=said)
    save_plan(store, plan)
    return plan


def _newest_receipts(store: Store, alias: str) -> Iterator[Mapping[str, Any]]:
    paths = receipt_paths(store, alias)
    for path in reversed(paths[-RECEIPTS_READ:]):
        with suppress(FileNotFoundError):  # the janitor may be at work
            yield read_receipt(store, path)


def _probed(
    cluster: Cluster, store: Store, plan: Plan, texts: int, *, encodes_here: bool, clock: Clock
) -> Speed | NotAtHand:
    if not plan.request.probe:
        return NotAtHand("no probe was wanted")
    if texts < _FEWEST_TEXTS:
        return NotAtHand(f"{texts} texts are too few for a probe")
    speeds: list[tuple[int, Speed]] = []
    for name, due in plan.texts_by_encoder.values():
        found = _of_field(cluster, store, plan, name, due, encodes_here=encodes_here, clock=clock)
        if isinstance(found, NotAtHand):
            return found
        speeds.append((due, found))
    return one_after_another(speeds)


def _of_field(
    cluster: Cluster, store: Store, plan: Plan, name: str, due: int, *, encodes_here: bool, clock: Clock
) -> Speed | NotAtHand:
    try:
        model = at_hand(cluster, store, plan, name, encodes_here=encodes_here)
        if isinstance(model, NotAtHand):
            return model
        texts = sample_texts(store, plan, name, max(1, min(due // 10, _MOST_PROBED)))
        limit, largest = model.governor.limit, model.docs_per_request
        found = texts_per_second(model.predictor, texts, limit, largest, clock) if texts else None
    except SparseIndexError as error:
        return NotAtHand(f"vector field '{name}' could not be probed: {error.message}")
    return NotAtHand(f"the first rows gave '{name}' no vector") if found is None else probed(*found)
