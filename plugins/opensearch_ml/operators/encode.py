"""Texts -> vectors in the store, by an encoder that is proven first."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from opensearch_ml.links import BuildLink, show_while_it_runs
from opensearch_ml.opened import Build
from opensearch_ml.operators.base import BuildOperator
from opensearch_ml.progress import show_progress


class ProveEncoderOperator(BuildOperator):
    """Encodes the texts of the probe again, before anything else: another model, tokenizer or token limit stops the run.
    Gives the names of its checks by verdict."""

    template_fields = ("model_ids",)

    def __init__(self, *, model_ids: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_ids = model_ids

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.check import by_verdict
        from sparse_index.gate.encoder import prove_encoder

        report = prove_encoder(build.cluster, build.store, build.plan, self.model_ids)
        self.log.info("%s", report)
        models = {fingerprint: model.id for fingerprint, model in report.models.items()}
        return {"models": models, **by_verdict(report.checks)}


class EncodeOperator(BuildOperator):
    """Encodes one part of the plan; chunks finished by an earlier attempt are skipped.

    `model_ids`: encoder fingerprint -> id of its deployed model. Fails at once when the model is gone, which is what a clear
    of this task alone finds.
    """

    operator_extra_links = (BuildLink(),)
    template_fields = ("model_ids", "part")

    def __init__(self, *, model_ids: dict[str, str], part: dict[str, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_ids = model_ids
        self.part = part

    def work(self, build: Build, context: Any) -> dict[str, Any]:
        from sparse_index.builds.fail_fast import failing_fast
        from sparse_index.cluster.cores import ml_cores
        from sparse_index.encode.part import encode_part

        show_while_it_runs(self, context, BuildLink())
        cluster, store, plan = build.cluster, build.store, build.plan
        part = plan.encode_parts[self.part["number"]]
        with failing_fast(store, plan, "encode", part.number, cleared=context["ti"].max_tries != self.retries):
            cores, shown = ml_cores(cluster), show_progress(context)
            result = encode_part(cluster, store, plan, part, self.model_ids, cores=cores, on_progress=shown)
        self.log.info("%s", result)
        return asdict(result)
