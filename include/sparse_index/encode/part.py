"""One encode task: the texts of a part become vectors files, one an encoder. Kill it at any moment and run it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sparse_index.builds.dead_letters import DeadLetter, require_few, with_sources, write_letters
from sparse_index.builds.folder import letters_path
from sparse_index.builds.plan import Part, Plan
from sparse_index.builds.reports import ENCODED, EncodeResult, encode_report, encode_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.encode.share import EncoderShare
from sparse_index.encode.source_texts import iter_texts, texts_by_field
from sparse_index.encode.texts import Rejected, Text, TextOutcome
from sparse_index.progress import OnProgress, ProgressMeter, silent
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing

# Several encoders have the same texts in turn, of which so many are held.
WINDOW_TEXTS = 1_000
_WINDOW_CHARS = 4_000_000


def encode_part(
    cluster: Cluster,
    store: Store,
    plan: Plan,
    part: Part,
    model_ids: Mapping[str, str],
    *,
    cores: int,
    on_progress: OnProgress = silent,
    timing: Timing = REAL_TIME,
) -> EncodeResult:
    """Encode what the part's files do not hold yet, merge them to one file an encoder and write the report, last of all.

    `model_ids`: of the deployed models, by their encoder's fingerprint. `cores`: of the nodes that run them. Raises
    `ModelError` when a model is gone, `CorpusError` when the corpus changed since the plan, `BuildError` when too many texts
    are refused to ever go live.
    """
    finished = encode_report(store, plan, part)
    if finished is not None:
        return finished
    started, due = timing.clock(), texts_by_field(store, plan, part)
    shares = [
        EncoderShare(cluster, store, plan, part, fields, model_ids[fingerprint], cores, timing)
        for fingerprint, fields in _by_encoder(plan, due).items()
    ]
    kept = sum(len(share.kept) for share in shares)
    meter = ProgressMeter(f"encode part {part.number}", part.items, on_progress, unit="texts", clock=timing.clock)
    meter.resume_at(kept)
    rejected = _encode(store, plan, part, shares, meter)
    for share in shares:
        share.close(sum(due[name] for name in share.fields) - sum(item.text.field in share.fields for item in rejected))
    # Every text of the part has a vector or a dead letter before the part counts as done.
    letters = [_letter(plan, item, timing.now()) for item in rejected]
    write_letters(store, letters_path(plan, "encode", part.number), with_sources(plan, letters))
    result = EncodeResult(
        part=part.number,
        encoded=part.items - kept - len(rejected),
        encoded_before=kept,
        dead_letters=len(rejected),
        predict_calls=sum(share.calls for share in shares),
        seconds=timing.clock() - started,
        ended_at=timing.now().timestamp(),
    )
    ENCODED.save(store, encode_report_path(plan, part), result)
    return result


def _by_encoder(plan: Plan, fields: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in fields:
        found.setdefault(plan.fingerprint_of(name), []).append(name)
    return found


def _encode(
    store: Store, plan: Plan, part: Part, shares: Sequence[EncoderShare], meter: ProgressMeter
) -> list[Rejected]:
    """Every text is read once, whatever its encoders lack of it."""
    rejected: list[Rejected] = []

    def seen(outcome: TextOutcome) -> None:
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
            last = f"The last one: id {outcome.text.id}, {outcome.error_class}: {outcome.reason}"
            require_few(plan, len(rejected), "texts of one part were refused", last)
        meter.add(1)

    kept = {name: share.kept for share in shares for name in share.fields}
    for window in _windows(iter_texts(store, plan, part, kept), shares):
        for share in shares:
            share.encode((text for text in window if text.field in share.fields), seen)
    return rejected


def _windows(texts: Iterator[Text], shares: Sequence[EncoderShare]) -> Iterator[Iterable[Text]]:
    """What one encoder after the other has; a single one has all at once, and nothing is held."""
    if len(shares) == 1:
        yield texts
        return
    window: list[Text] = []
    chars = 0
    for text in texts:
        window.append(text)
        chars += len(text.text)
        if len(window) >= WINDOW_TEXTS or chars >= _WINDOW_CHARS:
            yield window
            window, chars = [], 0
    yield window


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
