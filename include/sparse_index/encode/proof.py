"""Whether a model is the one that made the vectors that are there: it says of the texts of the probe what it said when it was
first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sparse_index.builds.check import Check, passes
from sparse_index.config.encoder import EncoderConfig
from sparse_index.encode.one_text import output_of
from sparse_index.encode.predict import Predictor
from sparse_index.timing import Timing
from sparse_index.vectors.kind import Refused, Vector, VectorKind
from sparse_index.vectors.probe import Probe

ENCODER = "encoder"
WORKER = "worker"


def said_now(predictor: Predictor, probes: Sequence[Probe], encoder: EncoderConfig, timing: Timing) -> list[Probe]:
    """The probes with what the model says of them now."""
    return [replace(probe, vector=_said(predictor, probe.text, encoder, timing)) for probe in probes]


def _said(predictor: Predictor, text: str, encoder: EncoderConfig, timing: Timing) -> Vector | None:
    """All that the model says of one text, asked alone: what stands beside it in a request may move a weight a little."""
    return _whole(predictor.kind, output_of(predictor, text, encoder, timing))


def with_answers(kind: VectorKind, probes: Sequence[Probe], outputs: Sequence[Any]) -> list[Probe]:
    """The probes with what a model said of all of them, in their order."""
    pairs = zip(probes, outputs, strict=True)
    return [replace(probe, vector=_whole(kind, output)) for probe, output in pairs]


def _whole(kind: VectorKind, output: Any) -> Vector | None:
    vector = None if isinstance(output, Refused) else kind.likeness.whole(output)
    return None if vector is None or kind.is_empty(vector) else vector


def same_encoder(kind: VectorKind, kept: Sequence[Probe], now: Sequence[Probe]) -> Check:
    """What the model says now of the texts of the probe against what is kept, in the same order."""
    likeness = kind.likeness
    worst, different = differences(kind, kept, now)
    if not different:
        words = f"{len(kept)} texts are encoded as when it was first used; the largest difference is {worst:.1g} {likeness.unit}."
        return passes(ENCODER, value=worst, limit=likeness.tolerance, words=words)
    words = (
        f"{len(different)} of {len(kept)} texts are not encoded as when these vectors were first made, by up to {worst:.2g} "
        f"{likeness.unit} ({_shortest(different)}). Another model answers under this name, or its "
        "tokenizer or its token limit is another one. Bring the former one back; to go over to the new one give it another name, "
        "version or id in `encoder.model`, and all texts are encoded anew"
    )
    return passes(ENCODER, value=worst, limit=likeness.tolerance, words=words)


def same_on_worker(kind: VectorKind, cluster: Sequence[Probe], worker: Sequence[Probe]) -> Check:
    """What the model says in a worker's process of the texts of the probe against what it says in the cluster, in one order."""
    likeness = kind.likeness
    worst, different = differences(kind, cluster, worker)
    found = f"the largest difference is {worst:.2g} {likeness.unit}"
    words = f"{len(cluster)} texts are encoded on this worker as in the cluster; {found}."
    if different:
        words = (
            f"{len(different)} of {len(cluster)} texts are not encoded on this worker as in the cluster; {found} "
            f"({_shortest(different)}). Write `run_on: cluster`, or give the workers another version of the libraries"
        )
    return passes(WORKER, value=worst, limit=likeness.tolerance, words=words)


def differences(kind: VectorKind, one: Sequence[Probe], other: Sequence[Probe]) -> tuple[float, list[Probe]]:
    """The largest deviation, and the probes whose vectors are too far apart."""
    apart = [(_apart(kind, left.vector, right.vector), left) for left, right in zip(one, other, strict=True)]
    return max(deviation for deviation, _ in apart), [
        probe for deviation, probe in apart if not deviation <= kind.likeness.tolerance
    ]


def _shortest(probes: Sequence[Probe]) -> str:
    return f"the shortest of them has {min(len(probe.text) for probe in probes)} characters"


def _apart(kind: VectorKind, before: Vector | None, now: Vector | None) -> float:
    if before is None or now is None:
        return 0.0 if before is now else 1.0
    return kind.likeness.deviation(before, now)
