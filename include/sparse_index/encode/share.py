"""What one encoder has to do of a part: its texts, the files of their vectors, and the model that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sparse_index.builds.plan import Part, Plan
from sparse_index.cluster.client import Cluster
from sparse_index.encode.chunks import Chunks
from sparse_index.encode.flight import Encoding
from sparse_index.encode.predict import of_field
from sparse_index.encode.search_watch import SearchWatch
from sparse_index.encode.texts import Encoded, Text, TextOutcome
from sparse_index.encode.where import running
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.probe import kept_probes


class EncoderShare:
    """`fields`: those that have this encoder and texts in the part. `kept`: hashes of the texts that an earlier attempt encoded;
    `calls`: predict requests of this one."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        plan: Plan,
        part: Part,
        fields: Sequence[str],
        model_id: str,
        cores: int,
        timing: Timing,
    ) -> None:
        """`ModelError` when the model is gone."""
        self.fields, encoder = fields, plan.config.vector_fields[fields[0]].encoder
        there = running(cluster, store, plan, fields[0], model_id, cores)
        self._predictor, self._kind, self._chunk_docs = there.predictor, there.predictor.kind, encoder.chunk_docs
        searches = SearchWatch(cluster, there.searched, timing.clock)
        asked = encoder.model_copy(update={"docs_per_request": there.docs_per_request})
        fingerprint = plan.fingerprint_of(fields[0])
        proven = [probe.text for probe in kept_probes(store, fingerprint, self._kind) if probe.vector is not None]
        known_good = min(proven, key=len, default=None)
        self._encoding = Encoding(self._predictor, there.governor, asked, timing, searches, known_good)
        self._files = PartFiles(store, fingerprint, plan.build_id, part.number, timing.sleep)
        self.kept = self._files.hashes()

    @property
    def calls(self) -> int:
        return self._predictor.calls

    def encode(self, texts: Iterable[Text], seen: Callable[[TextOutcome], None]) -> None:
        """All of `texts`; their vectors are in the store at the end. What `seen` raises ends it."""
        with of_field(self.fields[0]), Chunks(self._files, self._kind, self._chunk_docs) as chunks:
            for outcome in self._encoding.run(texts):
                if isinstance(outcome, Encoded):
                    chunks.add(outcome, self._encoding.texts_in_flight)
                seen(outcome)

    def close(self, vectors: int) -> None:
        """Make one file of all, which has so many vectors."""
        self._files.merge(vectors)
