"""What preflight says of a cluster that Amazon runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from build_plans import corpus_config
from fake_opensearch import fake_cluster, unreachable
from sparse_index.cluster.authorization import AwsService
from sparse_index.preflight.examine import examine
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.managed import check_aws_service
from sparse_index.store.files import Store

OWN = {
    "model": {"source": "url", "name": "m", "version": "1", "url": "https://models.example/m.zip", "sha256": "0" * 64}
}
PRETRAINED = {"model": {"source": "pretrained", "name": "m", "version": "1"}}
CONNECTOR = {"model": {"source": "model_id", "model_id": "m1"}}


def problems(tmp_path: Path, service: AwsService | None, **config: Any) -> tuple[list[str], list[str]]:
    """What preflight names, and the paths that it asked before the cluster was found not to answer."""
    asked: list[str] = []

    def handler(method: str, path: str, body: Any) -> Any:
        asked.append(path)
        raise unreachable()

    cluster = fake_cluster(handler)
    cluster.aws_service = service
    store = str(tmp_path / "store")
    found = examine(cluster, corpus_config("things", store, **config), Store(store)).problems
    return [problem.message for problem in found if "no answer" not in problem.message], asked


@pytest.mark.parametrize(
    ("service", "config", "words"),
    [
        (None, {"encoder": OWN, "cluster_settings": "ensure"}, []),
        ("es", {"encoder": CONNECTOR}, []),
        ("es", {"encoder": OWN}, ["no model from an address or an upload, as text_sparse would"]),
        ("es", {"encoder": PRETRAINED}, []),
        ("es", {"encoder": CONNECTOR, "cluster_settings": "ensure"}, ["Write `cluster_settings: check`"]),
        ("es", {"encoder": OWN, "cluster_settings": "ensure"}, ["or an upload", "_cluster/settings"]),
    ],
)
def test_what_a_domain_forbids_is_named(
    tmp_path: Path, service: AwsService | None, config: dict[str, Any], words: list[str]
) -> None:
    named, asked = problems(tmp_path, service, **config)
    assert len(named) == len(words)
    assert all(word in message for word, message in zip(words, named, strict=True))
    assert asked == ["/"]


def test_serverless_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    named, asked = problems(tmp_path, "aoss", encoder=CONNECTOR)
    assert [message.partition(" cannot")[0] for message in named] == ["Amazon OpenSearch Serverless (service aoss)"]
    assert asked == []


def test_a_model_of_the_catalogue_is_warned_of(tmp_path: Path) -> None:
    findings = Findings()
    assert check_aws_service(findings, "es", corpus_config("things", str(tmp_path), encoder=PRETRAINED))
    assert ["the model of text_sparse would run on its data nodes" in warning for warning in findings.warnings] == [
        True
    ]
