"""A model that was deployed is the encoder it was: it says what it said when the vectors of its field were first made."""

from __future__ import annotations

from sparse_index.builds.check import Verdict
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.predict import Predictor
from sparse_index.encode.proof import said_now, same_encoder
from sparse_index.errors import ModelError
from sparse_index.ml.life import encoder_fingerprint
from sparse_index.store.files import Store
from sparse_index.timing import Timing
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.probe import kept_probes


def require_same_encoder(
    cluster: Cluster, store: Store, config: CorpusConfig, field: str, model_id: str, timing: Timing
) -> None:
    """ModelError where the model that serves a vector field is another one by now; before the first build nobody can say."""
    vector_field = config.vector_fields[field]
    kind, encoder = vector_kind(vector_field), vector_field.encoder
    kept = kept_probes(store, encoder_fingerprint(cluster, vector_field), kind)
    if not kept:
        return
    predictor = Predictor(cluster, model_id, kind, encoder.request_timeout_s, ours=False)
    check = same_encoder(kind, kept, said_now(predictor, kept, encoder, timing))
    if check.verdict is Verdict.FAIL:
        raise ModelError(
            f"Model {model_id} was deployed to serve '{field}' and is not the encoder it was: {check.words}."
        )
