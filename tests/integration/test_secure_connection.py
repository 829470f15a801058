"""Who we are and whom we trust, against TLS and passwords that are real."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from opensearchpy import OpenSearch

from build_plans import corpus_config
from demo.model_server import TOY_MODELS
from local_cluster import LocalCluster
from secure_accounts import API, login
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import AsyncCluster, Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import AccessError, UnavailableError
from sparse_index.pipeline import run
from sparse_index.preflight.examine import examine
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Asked
from sparse_index.vectors.kinds import vector_kinds

pytestmark = [pytest.mark.integration, pytest.mark.secure]


def connect(server: LocalCluster, waits: list[float], *, password: str | None = None, **changes: Any) -> Cluster:
    settings = login(server, server.username, password or server.password, **changes)
    return Cluster(OpenSearch(**settings.client_arguments()), sleep=waits.append)


def test_the_right_password_and_authority_get_in(secure_server: LocalCluster) -> None:
    assert connect(secure_server, []).get("/")["version"]["number"] == "2.19.1"


def test_a_wrong_password_is_said_once_and_not_repeated_in_the_message(secure_server: LocalCluster) -> None:
    waits: list[float] = []
    with pytest.raises(AccessError, match=r"login or password refused \(401\)") as caught:
        connect(secure_server, waits, password="not-the-password").get("/")
    assert waits == []
    assert "not-the-password" not in repr(caught.value) + repr(caught.value.__cause__)


def test_an_unknown_certificate_is_not_trusted(secure_server: LocalCluster) -> None:
    waits: list[float] = []
    with pytest.raises(AccessError, match=r"certificate of the cluster is not trusted.*extra `ca_certs`"):
        connect(secure_server, waits, ca_certs=None).get("/")
    assert waits == []


def test_verification_ends_only_when_the_connection_says_so(secure_server: LocalCluster) -> None:
    cluster = connect(secure_server, [], ca_certs=None, verify_certs=False)
    assert cluster.get("/")["version"]["number"] == "2.19.1"


def test_plain_http_to_a_tls_port_is_no_answer(secure_server: LocalCluster) -> None:
    with pytest.raises(UnavailableError, match="no answer from the cluster"):
        connect(secure_server, [], use_ssl=False).get("/")


def test_a_name_and_a_password_of_any_letters_get_in(secure_server: LocalCluster, secure_cluster: Cluster) -> None:
    user, password = f"müller-{uuid4().hex[:6]}", "Straße-5€-пароль a:b%40"
    account = {"password": password, "backend_roles": ["admin"]}
    secure_cluster.request(
        "PATCH", f"{API}/internalusers", orjson.dumps([{"op": "add", "path": f"/{user}", "value": account}])
    )
    settings = login(secure_server, user, password)
    assert whoami(Cluster.connect(settings, attempts=1).get("/_plugins/_security/authinfo")) == user

    async def asked() -> str:
        cluster = AsyncCluster(settings)
        try:
            return whoami(await cluster.find("/_plugins/_security/authinfo"))
        finally:
            await cluster.close()

    assert asyncio.run(asked()) == user


def whoami(answer: dict[str, Any] | None) -> str:
    assert answer is not None
    return str(answer["user_name"])


def test_fields_that_this_version_has_not_are_named_once(secure_cluster: Cluster, tmp_path: Path) -> None:
    model = {"source": "file", "name": "toy", "version": "1", "path": str(TOY_MODELS / "sparse" / "model.zip")}
    words = {"kind": "sparse", "index": "sparse_vector", "encoder": {"model": model}}
    config = corpus_config("too-old", str(tmp_path / "store"), encoder={"model": model}, vectors={"words": words})
    found = [problem.message for problem in examine(secure_cluster, config, Store(config.store)).problems]
    assert [message for message in found if "sparse_vector" in message or "index.sparse" in message] == [
        "vectors.words: OpenSearch 2.19.1 has no sparse_vector fields, 3.3 and later have. Write `index: rank_features`, or "
        "upgrade the cluster."
    ]


def test_this_version_keeps_a_sparse_and_a_dense_field(secure_cluster: Cluster, tmp_path: Path) -> None:
    bodies = ["the screen is shattered", "give me my money back", "the parcel is late", "qqq zzz"]
    pq.write_table(pa.table({"id": ["d0", "d1", "d2", "empty"], "body": bodies}), tmp_path / "corpus.parquet")
    vectors = {
        "words": {"kind": "sparse", "encoder": {"model": packed("sparse")}},
        "numbers": {"kind": "dense", "dimension": 64, "encoder": {"model": packed("dense")}},
    }
    source = {"uri": str(tmp_path / "corpus.parquet"), "id_column": "id", "text_template": "{body}"}
    config = CorpusConfig.model_validate(
        {"alias": "both-kinds", "store": str(tmp_path / "store"), "source": source, "vectors": vectors}
        | {"index": {"replicas": 0}, "limits": {"max_empty_share": 0.5}}
    )
    request = RunRequest(run_id="test", data_date=date(2026, 1, 2))
    made = run(secure_cluster, config, Store(config.store), request)
    assert made.receipt["outcome"] == "promoted"
    first = secure_cluster.get("/both-kinds/_doc/d1")["_source"]
    assert "money" in first["words"]
    assert "numbers" not in secure_cluster.get("/both-kinds/_doc/empty")["_source"]
    nearest = {"size": 1, "query": {"knn": {"numbers": {"vector": first["numbers"], "k": 1}}}}
    assert [hit["_id"] for hit in secure_cluster.post("/both-kinds/_search", nearest)["hits"]["hits"]] == ["d1"]
    assert run(secure_cluster, config, Store(config.store), request).receipt["outcome"] == "nothing_changed"
    secure_cluster.delete(f"/{made.plan.candidate}")


def test_this_version_finds_a_document_by_its_best_passage(secure_cluster: Cluster, tmp_path: Path) -> None:
    filler = "give me my money back please. " * 8
    long = "\n\n".join([filler, "the parcel is late and broken. " * 8, "the screen is shattered."])
    pq.write_table(pa.table({"id": ["long", "money"], "body": [long, filler]}), tmp_path / "corpus.parquet")
    divided = {"long_texts": "passages", "passages": {"tokens": 60, "overlap": 10}}
    vectors = {
        "words": {"kind": "sparse", "encoder": {"model": packed("sparse")}, **divided},
        "numbers": {"kind": "dense", "dimension": 64, "encoder": {"model": packed("dense")}, **divided},
    }
    source = {"uri": str(tmp_path / "corpus.parquet"), "id_column": "id", "text_template": "{body}"}
    config = CorpusConfig.model_validate(
        {"alias": "divided", "store": str(tmp_path / "store"), "source": source, "vectors": vectors}
        | {"index": {"replicas": 0}}
    )
    made = run(secure_cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    assert made.receipt["outcome"] == "promoted"
    assert secure_cluster.get("/divided/_count")["count"] == 2
    passages = secure_cluster.get("/divided/_doc/long")["_source"]["numbers"]
    asked = {"words": {"shattered": 1.0, "screen": 1.0}, "numbers": np.array(passages[-1]["vector"], np.float32)}
    for field, kind in vector_kinds(config).items():
        body = {"size": 2, "query": kind.clause(field, asked[field], Asked(2, shows=True))}
        best = secure_cluster.post("/divided/_search", body)["hits"]["hits"][0]
        (inner,) = best["inner_hits"][field]["hits"]["hits"]
        assert (best["_id"], inner["_source"]["text"]) == ("long", "the screen is shattered."), field
    secure_cluster.delete(f"/{made.plan.candidate}")


def packed(kind: str) -> dict[str, Any]:
    card = orjson.loads((TOY_MODELS / kind / "config.json").read_bytes())
    named = {name: card[name] for name in ("name", "version", "model_format")}
    body = {"model_config_body": card["model_config"]} if "model_config" in card else {}
    return {"source": "file", "path": str(TOY_MODELS / kind / "model.zip"), **named, **body}
