"""What a cluster that Amazon runs forbids, said before it refuses it one by one."""

from __future__ import annotations

from sparse_index.cluster.authorization import AwsService
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import ConfigError
from sparse_index.preflight.findings import Findings

_REMEDY = "Make a connector to a model of SageMaker or Bedrock, and name its model: `source: model_id` (docs/add-a-corpus.md)."


def check_aws_service(findings: Findings, service: AwsService, config: CorpusConfig) -> bool:
    """Whether there is any sense in asking further."""
    if service == "aoss":
        findings.problem(
            "Amazon OpenSearch Serverless (service aoss) cannot keep this index: it clones no index, blocks none, and has no "
            "tasks of ML Commons. Use a domain of Amazon OpenSearch Service (service es).",
            ConfigError,
        )
        return False
    own = _fields_with(config, "url", "file")
    if own:
        findings.problem(
            f"Amazon OpenSearch Service takes no model from an address or an upload, as {own} would register. {_REMEDY}",
            ConfigError,
        )
    pretrained = _fields_with(config, "pretrained")
    if pretrained:
        findings.warning(
            f"Amazon OpenSearch Service has no ML nodes: the model of {pretrained} would run on its data nodes, beside "
            f"searches. {_REMEDY}"
        )
    if config.cluster_settings == "ensure":
        findings.problem(
            "Amazon OpenSearch Service lets nobody set how models are registered through _cluster/settings. "
            "Write `cluster_settings: check`.",
            ConfigError,
        )
    return True


def _fields_with(config: CorpusConfig, *sources: str) -> str:
    """The names of the vector fields whose model comes from one of these."""
    return ", ".join(name for name, field in config.vector_fields.items() if field.encoder.model.source in sources)
