"""The probe of an encoder: some texts with what the model said of them when it was first used, to know it by later.

    vectors/<fingerprint>/probe.parquet    text_hash, text, of_corpus, and the columns of the kind: all that the model said

No document needs it, so it is no file of vectors; it goes with the last of them. Texts of the corpus go when they are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from sparse_index.store.files import Store
from sparse_index.store.layout import probe_path
from sparse_index.vectors.kind import Vector, VectorKind

_ABOUT = pa.schema([("text_hash", pa.string()), ("text", pa.string()), ("of_corpus", pa.bool_())])


@dataclass(frozen=True)
class Probe:
    """`of_corpus`: whether the text is of a document; `vector`: all that the model said of it, unpruned; None when it said
    nothing, or was not asked yet."""

    text_hash: str
    text: str
    of_corpus: bool
    vector: Vector | None


def write_probes(store: Store, fingerprint: str, kind: VectorKind, probes: Sequence[Probe]) -> None:
    columns = {
        name: [None if probe.vector is None else probe.vector[number] for probe in probes]
        for number, name in enumerate(kind.columns.names)
    }
    named = {name: [getattr(probe, name) for probe in probes] for name in _ABOUT.names}
    store.write_table(probe_path(fingerprint), pa.table(named | columns, schema=pa.schema([*_ABOUT, *kind.columns])))


def kept_probes(store: Store, fingerprint: str, kind: VectorKind) -> list[Probe]:
    """Those of the encoder; none when it was never proven."""
    path = probe_path(fingerprint)
    rows = store.read_table(path).to_pylist() if store.exists(path) else []
    return [Probe(row["text_hash"], row["text"], row["of_corpus"], _vector(kind, row)) for row in rows]


def _vector(kind: VectorKind, row: Mapping[str, Any]) -> Vector | None:
    values = tuple(row[name] for name in kind.columns.names)
    return None if None in values else values
