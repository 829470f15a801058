"""`encoder.run_on: worker` with the real torch: the same vectors as the cluster's model makes. Skipped where torch is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import victims
from build_plans import make_plan as bare_plan
from ml_verbs import deployed, registered
from real_builds import planned, real_config, rows, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.gate.encoder import prove_encoder
from sparse_index.ml import verbs
from sparse_index.store.files import Store
from sparse_index.vectors.files import PartFiles, vector_paths

pytest.importorskip("torch", reason="torch (the extra `worker`) is not installed")
pytestmark = pytest.mark.integration
COUNT, MANY, CHUNK = 100, 1_500, 64
LONG = "the parcel did not arrive and the money is gone " * 100


@pytest.fixture(scope="module")
def model_id(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    setting = {"persistent": {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}}
    plain_cluster.put("/_cluster/settings", setting)
    config = real_config("worker-model", tmp_path_factory.mktemp("model"))
    group = bare_plan(config).group
    yield deployed(plain_cluster, registered(plain_cluster, config.encoder, group))
    verbs.remove_group(plain_cluster, group)


def encoded(cluster: Cluster, folder: Path, run_on: str, model_id: str) -> tuple[CorpusConfig, Plan]:
    folder.mkdir()
    config = real_config(f"{run_on}-{uuid4().hex[:8]}", folder, encoder={"run_on": run_on})
    write_corpus(config, [*rows(COUNT), {"id": "long", "title": "t", "body": LONG, "stock": 1}])
    plan, store = planned(cluster, config), Store(config.store)
    ids = {plan.fingerprint: model_id}
    verdicts = {check.name: check.verdict for check in prove_encoder(cluster, store, plan, ids).checks}
    assert verdicts.get("worker") == ("pass" if run_on == "worker" else None)
    for part in plan.encode_parts:
        assert encode_part(cluster, store, plan, part, ids, cores=2).encoded == COUNT + 1
    return config, plan


def vectors(config: CorpusConfig, plan: Plan) -> dict[str, dict[str, float]]:
    store = Store(config.store)
    found = [each for path in vector_paths(store, plan.fingerprint) for each in store.read_table(path).to_pylist()]
    return {each["text_hash"]: dict(zip(each["tokens"], each["weights"], strict=True)) for each in found}


def test_a_worker_makes_the_vectors_that_the_cluster_makes(
    plain_cluster: Cluster, tmp_path: Path, model_id: str
) -> None:
    in_cluster = encoded(plain_cluster, tmp_path / "cluster", "cluster", model_id)
    on_worker = encoded(plain_cluster, tmp_path / "worker", "worker", model_id)
    assert in_cluster[1].fingerprint == on_worker[1].fingerprint
    there, here = vectors(*in_cluster), vectors(*on_worker)
    assert len(here) == COUNT + 1
    assert here.keys() == there.keys()
    for text_hash, tokens in there.items():
        assert here[text_hash] == pytest.approx(tokens, rel=1e-4)


def kept(store: Store, plan: Plan) -> set[str]:
    return set(PartFiles(store, plan.fingerprint, plan.build_id, 0).hashes())


def test_a_task_that_is_killed_in_mid_part_goes_on_from_its_chunks(
    plain_cluster: Cluster, plain_settings: ConnectionSettings, tmp_path: Path, model_id: str
) -> None:
    config = real_config("killed", tmp_path, encoder={"run_on": "worker", "chunk_docs": CHUNK})
    write_corpus(config, rows(MANY))
    plan, store = planned(plain_cluster, config), Store(config.store)
    ids = {plan.fingerprint: model_id}
    prove_encoder(plain_cluster, store, plan, ids)
    (part,) = plan.encode_parts
    process = victims.started(victims.encode, plain_settings, plan, part, model_id)
    assert victims.killed_when(process, lambda: kept(store, plan)), "it had ended before the kill"
    before = kept(store, plan)
    assert 0 < len(before) < MANY
    result = encode_part(plain_cluster, store, plan, part, ids, cores=2)
    assert (result.encoded, result.encoded_before, result.dead_letters) == (MANY - len(before), len(before), 0)
    assert len(vectors(config, plan)) == MANY
    assert PartFiles(store, plan.fingerprint, plan.build_id, 0).chunk_paths() == []
