"""A model's way through its life in as few lines as a test can spare."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from sparse_index.cluster.client import Cluster
from sparse_index.config.encoder import EncoderConfig
from sparse_index.config.vectors import SparseField
from sparse_index.ml import verbs
from sparse_index.ml.groups import create_group
from sparse_index.ml.life import Life, life_of
from sparse_index.ml.waits import Started, wait_for
from sparse_index.ml.watching import wait_until

DEADLINE_S = 120.0


def file_encoder(path: Path) -> EncoderConfig:
    return EncoderConfig.model_validate(
        {"model": {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(path)}}
    )


def url_encoder(url: str, sha256: str) -> EncoderConfig:
    return EncoderConfig.model_validate(
        {"model": {"source": "url", "name": "toy-sparse", "version": "1.0.0", "url": url, "sha256": sha256}}
    )


def life_with(encoder: EncoderConfig) -> Life:
    return life_of(sparse_field(encoder))


def sparse_field(encoder: EncoderConfig) -> SparseField:
    return SparseField(kind="sparse", encoder=encoder)


def registered(cluster: Cluster, encoder: EncoderConfig, group: str) -> str:
    group_id = create_group(cluster, group, "a test")
    return awaited(cluster, life_with(encoder).register(cluster, group_id))


def awaited(cluster: Cluster, started: Started) -> str:
    """The model of a registration, when it is done."""
    wait = wait_for("register", DEADLINE_S, now=time.time(), **asdict(started))
    return wait_until(cluster, wait, poll_s=0.1)


def deployed(cluster: Cluster, model_id: str) -> str:
    task_id = verbs.deploy(cluster, model_id)
    wait = wait_for("deploy", DEADLINE_S, now=time.time(), task_id=task_id, model_id=model_id)
    return wait_until(cluster, wait, poll_s=0.1)


def in_memory(cluster: Cluster) -> set[str]:
    """The models that any node has loaded, whether a document knows them or not."""
    nodes = cluster.get("/_plugins/_ml/profile/models").get("nodes", {})
    return {
        model
        for node in nodes.values()
        for model, body in node.get("models", {}).items()
        if body.get("model_state") in ("DEPLOYED", "DEPLOYING")
    }


def tasks_of(cluster: Cluster, model_id: str) -> int:
    answer = cluster.post("/_plugins/_ml/tasks/_search", {"query": {"term": {"model_id": model_id}}})
    return int(answer["hits"]["total"]["value"])
