"""A missing permission is named, however OpenSearch hides it; each of these answers was given by the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from build_plans import corpus_config, no_sleep
from local_cluster import LocalCluster
from ml_verbs import deployed, file_encoder, registered
from numbered import write_golden
from secure_accounts import Role, accounts, less, without_own_index
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.gate import GateConfig
from sparse_index.config.search import SearchConfig, SearchMode
from sparse_index.corpus.place import Place
from sparse_index.errors import AccessError, ModelError
from sparse_index.index.bulk import BulkWriter, Write
from sparse_index.ml import verbs
from sparse_index.ml.groups import find_group
from sparse_index.names import group_name
from sparse_index.preflight.examine import examine, preflight
from sparse_index.preflight.permissions import missing_permissions
from sparse_index.roles import role_bodies
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.secure]

ALIAS = "permissions"
BUILD = role_bodies(ALIAS)["sparse_index_build"]
ML = "cluster:admin/opensearch/ml"
ANALYZE, MSEARCH = "indices:admin/analyze", "indices:data/read/msearch"
# What no harmless call can find out: only the nodes, or the shards, ask for these.
NOT_TRIED = {f"{ML}/deploy_model_on_nodes", f"{ML}/undeploy_model", "indices:data/write/bulk*"}

# Each lacks something else; made together, because the server takes its time for every change of its accounts.
ROLES: dict[str, Role] = {
    "builder": BUILD,
    "nobody": {"cluster_permissions": [], "index_permissions": []},
    "elsewhere": role_bodies("another")["sparse_index_build"],
    "without_files": less(
        BUILD,
        f"{ML}/register_model",
        f"{ML}/register_model_meta",
        f"{ML}/upload_model_chunk",
        f"{ML}/register_model_group",
        f"{ML}/models/delete",
    ),
    "hindered": less(
        BUILD,
        "indices:data/write/bulk*",
        f"{ML}/deploy_model_on_nodes",
    ),
    "blind": less(BUILD, f"{ML}/profile/nodes", "indices:admin/get"),
}


@pytest.fixture(scope="module")
def admin(secure_cluster: Cluster) -> Cluster:
    without_own_index(secure_cluster)
    return secure_cluster


@pytest.fixture(scope="module")
def users(secure_server: LocalCluster, admin: Cluster) -> Iterator[dict[str, Cluster]]:
    clusters = accounts(secure_server, admin, ROLES)
    yield clusters
    for cluster in clusters.values():
        cluster.close()


@pytest.fixture(scope="module")
def had_a_model(admin: Cluster, toy_models: Path) -> None:
    """A cluster that never had a model answers a question for profiles without asking its nodes."""
    group = group_name(ALIAS, f"20260101T000000-{uuid4().hex[:6]}")
    registered(admin, file_encoder(toy_models / "sparse" / "model.zip"), group)
    verbs.remove_group(admin, group)


@pytest.fixture
def config(toy_models: Path, tmp_path: Path) -> CorpusConfig:
    model = {
        "source": "file",
        "name": "toy-sparse",
        "version": "1.0.0",
        "path": str(toy_models / "sparse" / "model.zip"),
    }
    golden = str(write_golden(tmp_path / "golden", 1))
    return corpus_config(ALIAS, str(tmp_path), encoder={"model": model}, gate={"golden": golden})


def lines(role: Role) -> set[str]:
    return {*role["cluster_permissions"], *role["index_permissions"][0]["allowed_actions"]}


def test_the_shipped_role_lacks_nothing(users: dict[str, Cluster], config: CorpusConfig) -> None:
    report = preflight(users["builder"], config, Store(config.store))
    assert report.ready
    assert "opensearch 2.19.1" in report.cluster


@pytest.mark.usefixtures("had_a_model")
def test_everything_that_is_missing_is_named_in_one_message(users: dict[str, Cluster], config: CorpusConfig) -> None:
    with pytest.raises(AccessError, match=r"^1 problem\(s\).*\n.*include/sparse_index/roles/build\.yaml") as caught:
        preflight(users["nobody"], config, Store(config.store))
    tried = lines(BUILD) - NOT_TRIED - {f"{ML}/register_model", MSEARCH}
    assert {line for line in tried if line.rstrip("*") not in caught.value.message} == set()


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (
            {"source": "url", "name": "a", "version": "1", "url": "http://h/m.zip", "sha256": "0" * 64},
            [f"{ML}/models/delete", f"{ML}/register_model_group", f"{ML}/register_model"],
        ),
        ({"source": "model_id", "model_id": "m"}, []),
    ],
    ids=["url", "model_id"],
)
def test_what_another_source_does_not_need_is_not_asked_for(
    users: dict[str, Cluster], model: dict[str, str], missing: list[str]
) -> None:
    asked = corpus_config(ALIAS, encoder={"model": model})
    assert missing_permissions(users["without_files"], asked) == missing


def test_a_role_for_another_alias_lacks_every_index_permission(users: dict[str, Cluster], config: CorpusConfig) -> None:
    report = examine(users["elsewhere"], config, Store(config.store))
    message = report.problems[0].message
    actions = set(BUILD["index_permissions"][0]["allowed_actions"]) - NOT_TRIED
    assert {action for action in actions if action.rstrip("*") not in message} == set()
    assert "cluster:" not in message


def test_what_golden_queries_need_is_asked_for_only_where_there_are_some(
    users: dict[str, Cluster], config: CorpusConfig
) -> None:
    fused = SearchConfig(mode=SearchMode.HYBRID, sides=("bm25", "text_sparse"), query={"text_sparse": "model"})
    needed: dict[frozenset[str], dict[str, Any]] = {
        frozenset(): {"gate": GateConfig()},
        frozenset({ANALYZE}): {},
        frozenset({MSEARCH}): {"search": fused},
    }
    for theirs, changes in needed.items():
        missing = missing_permissions(users["nobody"], config.model_copy(update=changes))
        assert theirs == {ANALYZE, MSEARCH} & set(missing)


def test_asking_leaves_nothing_behind(admin: Cluster, users: dict[str, Cluster], config: CorpusConfig) -> None:
    assert missing_permissions(users["builder"], config) == []
    assert admin.get(f"/{ALIAS}*/_alias") == {}
    assert find_group(admin, "sparse-index-preflight") is None


def test_bulk_answers_200_and_refuses_every_document(admin: Cluster, users: dict[str, Cluster]) -> None:
    index = f"{ALIAS}--b20260101t000000-{uuid4().hex[:6]}"
    admin.put(f"/{index}", {"aliases": {f"{index}-w": {}}})
    try:
        writer = BulkWriter(users["hindered"], f"{index}-w", max_bytes=10_000, in_flight=1, sleep=no_sleep)
        with pytest.raises(AccessError, match=r"indices:data/write/bulk"):
            list(writer.write([Write("index", "1", Place("f", "v", 0, 0), b"{}")]))
    finally:
        admin.delete(f"/{index}")


def test_the_trial_of_a_candidate_finds_what_only_shards_ask_for(
    users: dict[str, Cluster], config: CorpusConfig
) -> None:
    report = examine(users["hindered"], config, Store(config.store))
    assert [problem.error for problem in report.problems] == [AccessError]
    assert "indices:data/write/bulk" in report.problems[0].message
    assert "docs/security.md" in report.problems[0].message


def test_deploy_answers_200_and_its_task_fails(admin: Cluster, users: dict[str, Cluster], toy_models: Path) -> None:
    group = group_name(ALIAS, f"20260101T000000-{uuid4().hex[:6]}")
    builder = users["hindered"]
    try:
        model_id = registered(builder, file_encoder(toy_models / "sparse" / "model.zip"), group)
        with pytest.raises(ModelError, match=rf"{ML}/deploy_model_on_nodes.*lacks this permission.*docs/security\.md"):
            deployed(builder, model_id)
    finally:
        verbs.remove_group(admin, group)


@pytest.mark.usefixtures("had_a_model")
def test_the_profile_answers_500(users: dict[str, Cluster]) -> None:
    with pytest.raises(AccessError, match=rf"permission missing \(500\).*{ML}/profile/nodes"):
        users["blind"].get("/_plugins/_ml/profile/models/x")


def test_head_answers_403_without_a_word(users: dict[str, Cluster]) -> None:
    with pytest.raises(AccessError, match=rf"^HEAD /{ALIAS}: permission missing \(403\)"):
        users["blind"].request("HEAD", f"/{ALIAS}")
