"""What the tests of forgetting share: one corpus and its store, and a search for what ought to be gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pyarrow.parquet as pq

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.operations.forget import Forgotten, Site, forget, look
from sparse_index.operations.given_ids import given_ids
from sparse_index.operations.sightings import Runs
from sparse_index.store.files import Store
from sparse_index.timing import Timing


def now() -> datetime:
    return datetime.now(UTC)


def site(cluster: Cluster, config: CorpusConfig, runs: Runs | None) -> Site:
    return Site({config.connection: cluster}, Store(config.store), [config], config, runs)


def forgotten(place: Site, *ids: str, patient: bool = False) -> Forgotten:
    """Looked for and forgotten; unless `patient`, Lucene gets two tries."""
    given = given_ids(place.config, ids)
    begun = look(place, given, now=now(), run_id="privacy")
    if patient:
        return forget(place, given, begun)
    hours = count(step=1_800)
    return forget(place, given, begun, Timing(lambda: float(next(hours)), lambda _: None))


def holding(store: Store, word: str) -> list[str]:
    """Every file of the store, temporary ones too, that has `word` in its bytes, or in a value, statistic or footer of its
    Parquet."""
    return [file.path for file in store.listing() if any(word in said for said in _contents(store, file.path))]


def _contents(store: Store, path: str) -> Iterator[str]:
    yield store.read_bytes(path).decode("latin-1")
    if path.endswith(".parquet"):
        yield str(store.read_table(path).to_pylist())
        yield str(pq.ParquetFile(store.full(path)).metadata.to_dict())
        yield str(store.footer(path))
