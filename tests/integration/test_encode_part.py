"""P3 on the real server: an encode task commits in chunks and goes on from them. (tests/chaos kills whole processes.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from build_plans import make_plan as bare_plan
from kinds_of_vectors import SPARSE
from ml_verbs import deployed, registered
from real_builds import planned, real_config, rows, write_corpus
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import encode_report, encode_report_path
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.encode.predict import Predictor
from sparse_index.errors import CorpusError, ModelError
from sparse_index.ml import verbs
from sparse_index.store.files import Store
from sparse_index.vectors.files import PartFiles
from sparse_index.vectors.sparse import sparse_vector

pytestmark = pytest.mark.integration
COUNT = 400
CHUNK = 64


@pytest.fixture(scope="module")
def model_id(plain_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    plain_cluster.put(
        "/_cluster/settings",
        {"persistent": {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}},
    )
    config = real_config("encode-model", tmp_path_factory.mktemp("model"))
    group = bare_plan(config).group
    yield deployed(plain_cluster, registered(plain_cluster, config.encoder, group))
    verbs.remove_group(plain_cluster, group)


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    config = real_config(f"encode-{uuid4().hex[:8]}", tmp_path, encoder={"chunk_docs": CHUNK})
    write_corpus(config, rows(COUNT))
    return config


@pytest.fixture
def store(config: CorpusConfig) -> Store:
    return Store(config.store)


@pytest.fixture
def plan(plain_cluster: Cluster, config: CorpusConfig) -> Plan:
    plan = planned(plain_cluster, config)
    assert [part.items for part in plan.encode_parts] == [COUNT]
    return plan


def files_of(store: Store, plan: Plan) -> PartFiles:
    return PartFiles(store, plan.fingerprint, plan.build_id, 0)


def vectors(store: Store, plan: Plan) -> dict[str, tuple[list[str], list[float]]]:
    table = store.read_table(files_of(store, plan).merged_path)
    assert table.num_rows == COUNT
    return {row["text_hash"]: (row["tokens"], row["weights"]) for row in table.to_pylist()}


def test_every_vector_is_the_models_own(plain_cluster: Cluster, store: Store, plan: Plan, model_id: str) -> None:
    part = plan.encode_parts[0]
    result = encode_part(plain_cluster, store, plan, part, {plan.fingerprint: model_id}, cores=2)
    assert (result.encoded, result.encoded_before, result.dead_letters) == (COUNT, 0, 0)
    assert result.predict_calls == COUNT / plan.config.encoder.docs_per_request
    kept = vectors(store, plan)
    assert files_of(store, plan).chunk_paths() == []
    manifest = {row["id"]: row["text_hash"] for row in store.read_table(plan.manifest).to_pylist()}
    answer = Predictor(plain_cluster, model_id, SPARSE, 60)(["title 7. body number 7"])[0]
    direct = sparse_vector(answer, plan.config.encoder.pruning)
    tokens, weights = kept[manifest["d7"]]
    assert tokens == list(direct.tokens)
    assert weights == pytest.approx(direct.weights, rel=1e-6)
    assert weights == sorted(weights, reverse=True)


def test_a_finished_part_is_not_encoded_again(plain_cluster: Cluster, store: Store, plan: Plan, model_id: str) -> None:
    part = plan.encode_parts[0]
    first = encode_part(plain_cluster, store, plan, part, {plan.fingerprint: model_id}, cores=2)
    assert encode_part(plain_cluster, store, plan, part, {plan.fingerprint: "no-such-model"}, cores=2) == first
    # Killed between the merge and the report: everything is there, nothing is predicted.
    store.delete(encode_report_path(plan, part))
    again = encode_part(plain_cluster, store, plan, part, {plan.fingerprint: model_id}, cores=2)
    assert (again.encoded, again.encoded_before, again.predict_calls) == (0, COUNT, 0)


def test_a_model_that_is_gone_is_said_at_once(plain_cluster: Cluster, store: Store, plan: Plan) -> None:
    with pytest.raises(ModelError, match="'only failed' off"):
        encode_part(plain_cluster, store, plan, plan.encode_parts[0], {plan.fingerprint: "no-such-model"}, cores=2)
    assert encode_report(store, plan, plan.encode_parts[0]) is None


def test_a_corpus_that_changed_is_noticed(
    plain_cluster: Cluster, config: CorpusConfig, store: Store, plan: Plan, model_id: str
) -> None:
    write_corpus(config, rows(COUNT + 1))
    with pytest.raises(CorpusError, match="while the build was running"):
        encode_part(plain_cluster, store, plan, plan.encode_parts[0], {plan.fingerprint: model_id}, cores=2)
