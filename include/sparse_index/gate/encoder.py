"""The encoder is the one that made the vectors that are there: proven after every deployment, before anything is encoded.

A model that was exchanged, cuts texts sooner or has another tokenizer answers all the same, and its vectors would stand beside
the former ones. So texts whose vectors were kept when the encoder was first used are encoded again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sparse_index.builds.check import Check, Verdict, failed, reasons, skipped, table
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import PROVEN, EncoderReport, UsedModel, encoder_report, encoder_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.config.encoder import EncoderConfig, ExistingModel
from sparse_index.corpus.tokenizer import ModelTokenizer, NoTokenizer
from sparse_index.encode.predict import of_field
from sparse_index.encode.proof import ENCODER, said_now, same_encoder, same_on_worker, with_answers
from sparse_index.encode.where import in_cluster, on_worker, require_planned
from sparse_index.errors import BuildError
from sparse_index.gate.probe_texts import texts_to_probe
from sparse_index.ml import verbs
from sparse_index.ml.life import deployed_fingerprint
from sparse_index.ml.tokenizer import find_tokenizer
from sparse_index.ml.waits import deployed_nodes
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME, Timing
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.probe import Probe, kept_probes, write_probes

log = logging.getLogger(__name__)

TOKEN_LIMIT = "token limit"  # noqa: S105 - of a text, not a password


def prove_encoder(
    cluster: Cluster, store: Store, plan: Plan, model_ids: Mapping[str, str], timing: Timing = REAL_TIME
) -> EncoderReport:
    """Of every encoder that has texts to encode; `model_ids`: of the deployed models, by their encoder's fingerprint. The
    report is kept; when all was well, the same models are not asked again. `BuildError` naming what is not; `ModelError` for a
    model that is not made of the planned zip."""
    proven = encoder_report(store, plan)
    if proven is not None and not failed(proven.checks) and _is_of(proven, plan, model_ids):
        return proven
    checks = [
        check
        for fingerprint, field in plan.fields_to_encode.items()
        for check in _checks(cluster, store, plan, field, model_ids[fingerprint], timing)
    ]
    models = {
        fingerprint: _used(cluster, plan.config.vector_fields[field].encoder, model_ids[fingerprint])
        for fingerprint, field in plan.fields_to_encode.items()
    }
    report = EncoderReport(checks, models)
    PROVEN.save(store, encoder_report_path(plan), report)
    log.info("%s", "\n".join(table(checks, wrapped=False)))
    if failed(checks):
        why = "; ".join(reasons(checks))
        raise BuildError(f"Nothing is encoded by build {plan.build_id}: {why}. The live index stays as it is.")
    return report


def _is_of(proven: EncoderReport, plan: Plan, model_ids: Mapping[str, str]) -> bool:
    """Whether these very models were proven: clearing the encoder's tasks deploys others."""
    ids = {fingerprint: model_ids[fingerprint] for fingerprint in plan.fields_to_encode}
    return {fingerprint: model.id for fingerprint, model in proven.models.items()} == ids


def _checks(cluster: Cluster, store: Store, plan: Plan, field: str, model_id: str, timing: Timing) -> Iterator[Check]:
    config, fingerprint = plan.config.vector_fields[field], plan.fingerprint_of(field)
    require_planned(plan, field, deployed_fingerprint(cluster, config, model_id))
    predictor = in_cluster(cluster, config, model_id)
    kind = predictor.kind
    kept = kept_probes(store, fingerprint, kind)
    asked = kept or texts_to_probe(store, plan, field)
    with of_field(field):
        now = said_now(predictor, asked, config.encoder, timing)
    proof = same_encoder(kind, kept, now) if kept else some_encoder(kind, now)
    yield replace(proof, words=f"{field}: {proof.words}")
    tokenizer = find_tokenizer(store, config.encoder.model, fingerprint)
    limit = token_limit(tokenizer, config.encoder.max_tokens)
    yield replace(limit, words=f"{field}: {limit.words}")
    if config.encoder.run_on == "worker":
        with of_field(field):
            worker = on_worker(cluster, store, plan, field, model_id, now)
            here = with_answers(kind, asked, worker([probe.text for probe in asked]))
        parity = same_on_worker(kind, now, here)
        yield replace(parity, words=f"{field}: {parity.words}")
    if not kept and proof.verdict is Verdict.PASS:
        write_probes(store, fingerprint, kind, now)


def _used(cluster: Cluster, encoder: EncoderConfig, model_id: str) -> UsedModel:
    model = encoder.model
    nodes = deployed_nodes(cluster.find(f"{verbs.ML}/profile/models/{model_id}") or {}, model_id)
    if not isinstance(model, ExistingModel):
        return UsedModel(model.name, model.version, model_id, len(nodes), encoder.run_on)
    document = verbs.get_model(cluster, model_id) or {}
    return UsedModel(document.get("name"), document.get("model_version"), model_id, len(nodes))


def some_encoder(kind: VectorKind, now: Sequence[Probe]) -> Check:
    """Whether a model of this kind can have said this of so many texts."""
    vectors = [probe.vector for probe in now if probe.vector is not None]
    doubt = kind.likeness.doubt(vectors)
    if doubt:
        words = f"the model is of another kind: {doubt}. Correct `kind` or `encoder.model` of this vector field"
        return Check(ENCODER, Verdict.FAIL, None, None, words)
    words = f"it is used for the first time. What it says of {len(now)} texts ({len(vectors)} vectors) is kept to know it by."
    return Check(ENCODER, Verdict.PASS, None, None, words)


def token_limit(tokenizer: ModelTokenizer | NoTokenizer, max_tokens: int) -> Check:
    """Where the model's own tokenizer cuts a text against `encoder.max_tokens`."""
    if isinstance(tokenizer, NoTokenizer):
        return skipped(TOKEN_LIMIT, f"{tokenizer.why}.")
    if tokenizer.cut_at is None:
        return skipped(TOKEN_LIMIT, "the model's tokenizer does not say where it cuts a text.")
    if tokenizer.cut_at == max_tokens:
        words = f"the model's tokenizer cuts at {max_tokens} tokens, as encoder.max_tokens says."
        return Check(TOKEN_LIMIT, Verdict.PASS, tokenizer.cut_at, max_tokens, words)
    words = (
        f"the model's tokenizer cuts at {tokenizer.cut_at} tokens, encoder.max_tokens is {max_tokens}. Write `max_tokens: "
        f"{tokenizer.cut_at}`, or take a model that reads as much; either is another encoder, by which all texts are encoded anew"
    )
    return Check(TOKEN_LIMIT, Verdict.FAIL, tokenizer.cut_at, max_tokens, words)
