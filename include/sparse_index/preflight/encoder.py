"""Whether the encoder's model can be had: the settings it needs, the file it comes from, the model it names."""

from __future__ import annotations

from sparse_index.cluster.client import Cluster
from sparse_index.cluster.settings import put_request
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import ExistingModel, FileModel
from sparse_index.ml.settings import Former, ensure_settings, missing_settings
from sparse_index.ml.sources import require_usable_zip
from sparse_index.ml.states import ModelState
from sparse_index.ml.verbs import get_model
from sparse_index.preflight.findings import Findings

# Encoding waits for one that is on its way: ML Commons deploys models again after a restart.
_USABLE = frozenset({ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED, ModelState.DEPLOYING})


def check_settings(findings: Findings, cluster: Cluster, config: CorpusConfig) -> Former:
    """With `ensure` sets what is missing and gives the former values; with `check` names it."""
    if config.cluster_settings == "ensure":
        return ensure_settings(cluster, config)
    missing = missing_settings(cluster, config)
    if missing:
        findings.problem(
            f"{len(missing)} cluster setting(s) keep this encoder from running. An administrator sets them once: "
            f"{put_request(missing)} (or `cluster_settings: ensure` in the corpus file, on a cluster that is yours alone)."
        )
    return {}


def check_model(findings: Findings, cluster: Cluster, config: CorpusConfig) -> None:
    model = config.encoder.model
    if isinstance(model, FileModel):
        require_usable_zip(model)
    if isinstance(model, ExistingModel):
        _check_existing(findings, cluster, model.model_id)


def _check_existing(findings: Findings, cluster: Cluster, model_id: str) -> None:
    document = get_model(cluster, model_id)
    if document is None:
        findings.problem(f"Model {model_id} does not exist. Correct `encoder.model.model_id`.")
        return
    # A remote model is deployed by its first request.
    if document.get("algorithm") != "REMOTE" and document.get("model_state") not in _USABLE:
        findings.problem(
            f"Model {model_id} is {document.get('model_state')}, and a model that is not ours is not deployed by us. "
            f"Deploy it: POST /_plugins/_ml/models/{model_id}/_deploy"
        )
