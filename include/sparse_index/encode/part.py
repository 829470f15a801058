"""One encode task: the texts of a part become a vectors file. Kill it at any moment and run it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType

from sparse_index.builds.dead_letters import DeadLetter, letters_path, require_few, with_sources, write_letters
from sparse_index.builds.plan import Part, Plan
from sparse_index.builds.reports import ENCODED, EncodeResult, encode_report, encode_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.encode.flight import Encoding
from sparse_index.encode.governor import Governor, starting_limit
from sparse_index.encode.predict import Predictor
from sparse_index.encode.search_watch import SearchWatch
from sparse_index.encode.source_texts import iter_texts
from sparse_index.encode.texts import Encoded, Rejected, Text
from sparse_index.ml.life import life_of
from sparse_index.progress import OnProgress, ProgressMeter, silent
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.kind import Vector, VectorKind
from sparse_index.vectors.kinds import vector_kind


class _Chunks:
    """Collects vectors and commits them in chunks, also when the task fails: answers are paid for."""

    def __init__(self, files: PartFiles, kind: VectorKind, chunk_docs: int) -> None:
        self._files, self._kind, self._chunk_docs = files, kind, chunk_docs
        self._pending: dict[str, Vector] = {}

    def add(self, item: Encoded, texts_in_flight: int) -> None:
        """Keep a vector. What a kill costs at most, pending plus in flight, stays within one chunk, unless more than
        half a chunk is in flight: files of a few vectors each would cost more than they save."""
        self._pending[item.text.text_hash] = item.vector
        if len(self._pending) >= max(self._chunk_docs - texts_in_flight, self._chunk_docs // 2):
            self._commit()

    def _commit(self) -> None:
        if self._pending:
            self._files.write_chunk(self._kind.table(self._pending))
            self._pending = {}

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._commit()


def encode_part(
    cluster: Cluster,
    store: Store,
    plan: Plan,
    part: Part,
    model_id: str,
    *,
    cores: int,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> EncodeResult:
    """Encode what the part's files do not hold yet, merge them to one file and write the report, last of all.

    `model_id`: of the model that the run deployed; a field whose encoder names one that is there uses that one. `cores`: of
    the nodes that run it. Raises `ModelError` when the model is gone, `CorpusError` when the corpus changed since the plan,
    `BuildError` when too many texts are refused to ever go live.
    """
    finished = encode_report(store, plan, part)
    if finished is not None:
        return finished
    name = plan.field_of(part)
    field = plan.config.vector_fields[name]
    encoder, kind, life = field.encoder, vector_kind(field), life_of(field)
    ours = life.source is not None
    predictor = Predictor(cluster, life.used(model_id), kind, encoder.request_timeout_s, ours=ours)
    predictor.require_model()
    started = timing.clock()
    files = PartFiles(store, plan.fingerprint_of(name), plan.build_id, part.number, timing.sleep)
    kept = files.hashes()
    meter = ProgressMeter(f"encode part {part.number}", part.items, on_progress, clock=timing.clock)
    meter.resume_at(len(kept))
    encoding = Encoding(
        predictor,
        Governor(starting_limit(cores, encoder.parallel_tasks)),
        encoder,
        timing,
        SearchWatch(cluster, plan.live_index, timing.clock),
    )
    with _Chunks(files, kind, encoder.chunk_docs) as chunks:
        rejected = _encode(encoding, iter_texts(store, plan, part, kept), chunks, plan, meter)
    _close(store, plan, part, files, [_letter(plan, item, timing.now()) for item in rejected])
    result = EncodeResult(
        part=part.number,
        encoded=part.items - len(kept) - len(rejected),
        reused=len(kept),
        dead_letters=len(rejected),
        predict_calls=predictor.calls,
        seconds=timing.clock() - started,
    )
    ENCODED.save(store, encode_report_path(plan, part), result)
    return result


def _encode(
    encoding: Encoding, texts: Iterator[Text], chunks: _Chunks, plan: Plan, meter: ProgressMeter
) -> list[Rejected]:
    rejected: list[Rejected] = []
    for outcome in encoding.run(texts):
        if isinstance(outcome, Encoded):
            chunks.add(outcome, encoding.texts_in_flight)
        else:
            rejected.append(outcome)
            last = f"The last one: id {outcome.text.id}, {outcome.error_class}: {outcome.reason}"
            require_few(plan, len(rejected), "texts of one part were refused", last)
        meter.add(1)
    return rejected


def _close(store: Store, plan: Plan, part: Part, files: PartFiles, letters: list[DeadLetter]) -> None:
    """Every text of the part has a vector or a dead letter, in one file each, before the part counts as done."""
    files.merge(part.items - len(letters))
    write_letters(store, letters_path(plan, "encode", part.number), with_sources(plan, letters))


def _letter(plan: Plan, item: Rejected, at: datetime) -> DeadLetter:
    return DeadLetter(
        id=item.text.id,
        stage="encode",
        error_class=item.error_class,
        reason=item.reason,
        attempt=item.attempt,
        build_id=plan.build_id,
        at=at,
        place=item.text.place,
    )
