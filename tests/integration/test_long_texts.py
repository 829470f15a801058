"""Long texts on the real server: what stands at the end of 20,000 characters is found, but for where texts are cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import victims
from demo.model_server import TOY_MODELS, deployed
from sparse_index.builds.plan import BuildKind
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.errors import BuildError
from sparse_index.ml.predict import outputs
from sparse_index.pipeline import Run, make_plan, run
from sparse_index.store.files import Store
from sparse_index.vectors.kind import Asked
from sparse_index.vectors.kinds import vector_kinds

pytestmark = pytest.mark.integration
ALIAS = "long-texts-test"
ANSWER = "the screen is shattered"
QUESTION = "a shattered screen"
FILLER = "\n\n".join("give me my money back please. " * 6 + f"order {number}." for number in range(120))
# Not one character more: source.max_text_chars cuts there.
LONG = f"{FILLER[: 20_000 - len(ANSWER) - 3]}\n\n{ANSWER}."
PASSAGES = {"tokens": 120, "overlap": 20}
ROWS = [
    {"id": "long", "body": LONG, "shop": 1},
    {"id": "money", "body": "give me my money back", "shop": 0},
    {"id": "parcel", "body": "the parcel is late", "shop": 1},
    {"id": "blank", "body": " ", "shop": 0},
]


@pytest.fixture
def folder(tmp_path: Path, plain_cluster: Cluster) -> Iterator[Path]:
    setting = {"plugins.ml_commons.allow_registering_model_via_local_file": "true"}
    plain_cluster.put("/_cluster/settings", {"persistent": setting})
    (tmp_path / "corpus").mkdir()
    yield tmp_path
    plain_cluster.delete(f"/{ALIAS}--b*")


def toy(kind: str, long_texts: str, **more: Any) -> dict[str, Any]:
    card = json.loads((TOY_MODELS / kind / "config.json").read_text())
    model = {name: card[name] for name in ("name", "version", "model_format")}
    model |= {
        "source": "file",
        "path": str(TOY_MODELS / kind / "model.zip"),
        "model_config_body": card.get("model_config"),
    }
    passages = {} if long_texts == "truncate" else {"passages": PASSAGES}
    encoder = {"model": model, "chunk_docs": 8, "docs_per_request": 4}
    return {"kind": kind, "long_texts": long_texts, "encoder": encoder, **passages, **more}


def config_with(folder: Path, limit: float = 1, **fields: Any) -> CorpusConfig:
    shares = ("max_truncated_share", "max_changed_share", "max_deleted_share")
    return CorpusConfig.model_validate(
        {
            "alias": ALIAS,
            "store": str(folder / "store"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}"},
            "vectors": fields,
            "index": {"replicas": 0},
            "limits": dict.fromkeys(shares, 1) | {"max_truncated_share": limit},
        }
    )


def write(config: CorpusConfig, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), Path(config.source.uri) / "a.parquet", row_group_size=2)


def built(cluster: Cluster, config: CorpusConfig, rows: list[dict[str, Any]] = ROWS) -> Run:
    write(config, rows)
    done = run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    assert done.receipt["outcome"] == "promoted"
    return done


def clause(cluster: Cluster, config: CorpusConfig, field: str, model_id: str, query: str, *filters: Any) -> Any:
    kind = vector_kinds(config)[field]
    (output,) = outputs(cluster, model_id, kind, [query])
    return kind.clause(field, output, Asked(10, filters, shows=True))


def hits(cluster: Cluster, query: Any, **parameters: Any) -> list[Any]:
    found: list[Any] = cluster.post(f"/{ALIAS}/_search", {"query": query, "size": 10}, **parameters)["hits"]["hits"]
    return found


def best_passage(hit: Any, field: str) -> str:
    (inner,) = hit["inner_hits"][field]["hits"]["hits"]
    return str(inner["_source"]["text"])


def test_an_answer_at_the_end_of_20000_characters_is_found(plain_cluster: Cluster, folder: Path) -> None:
    assert len(LONG) == 20_000
    cut = config_with(folder, limit=0.05, text_sparse=toy("sparse", "truncate"))
    write(cut, ROWS)
    with pytest.raises(BuildError, match=r"1 of 3 texts .* longer than the model reads.* limits.max_truncated_share"):
        make_plan(plain_cluster, cut, Store(cut.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    cut = config_with(folder, text_sparse=toy("sparse", "truncate"))
    assert built(plain_cluster, cut).plan.counts.lengths["text_sparse"].truncated == 1
    with (
        deployed(plain_cluster, TOY_MODELS / "sparse") as sparse,
        deployed(plain_cluster, TOY_MODELS / "dense") as dense,
    ):
        asked = clause(plain_cluster, cut, "text_sparse", sparse, QUESTION)
        assert "long" not in [hit["_id"] for hit in hits(plain_cluster, asked)]

        largest = config_with(folder, text_sparse=toy("sparse", "max"))
        first = built(plain_cluster, largest)
        assert first.plan.counts.texts_to_encode > 30
        asked = clause(plain_cluster, largest, "text_sparse", sparse, QUESTION)
        assert hits(plain_cluster, asked)[0]["_id"] == "long"

        both: dict[str, Any] = {
            "text_sparse": toy("sparse", "passages"),
            "text_dense": toy("dense", "passages", dimension=64),
        }
        divided = config_with(folder, **both)
        second = built(plain_cluster, divided)
        assert second.plan.kind is BuildKind.FULL
        assert second.plan.counts.fields["text_sparse"].texts_to_encode == 0, "the passages are those of max"
        assert second.plan.counts.fields["text_dense"].texts_to_encode > 30
        assert plain_cluster.get(f"/{ALIAS}/_count")["count"] == len(ROWS)
        models = {"text_sparse": sparse, "text_dense": dense}
        for field, model_id in models.items():
            best = hits(plain_cluster, clause(plain_cluster, divided, field, model_id, QUESTION))[0]
            assert best["_id"] == "long", field
            assert best_passage(best, field).endswith(f"{ANSWER}."), field
            other = clause(plain_cluster, divided, field, model_id, QUESTION, {"term": {"shop": 0}})
            assert "long" not in [hit["_id"] for hit in hits(plain_cluster, other)]

        rrf = {"score-ranker-processor": {"combination": {"technique": "rrf"}}}
        plain_cluster.put(f"/_search/pipeline/{ALIAS}", {"phase_results_processors": [rrf]})
        sides = [clause(plain_cluster, divided, *side, QUESTION) for side in models.items()]
        hybrid = {"hybrid": {"queries": sides, "pagination_depth": 10}}
        best = hits(plain_cluster, hybrid, search_pipeline=ALIAS)[0]
        assert all(best_passage(best, field).endswith(f"{ANSWER}.") for field in both)
        plain_cluster.delete(f"/_search/pipeline/{ALIAS}")

    changed = [{**ROWS[0], "body": LONG.replace("order 50.", "the login fails.")}, ROWS[2], ROWS[3]]
    third = built(plain_cluster, divided, changed)
    assert (third.plan.kind, third.plan.counts.deleted) == (BuildKind.DELTA, 1)
    assert third.plan.counts.fields["text_sparse"].texts_to_encode <= 3
    assert plain_cluster.get(f"/{ALIAS}/_count")["count"] == len(changed)


def test_a_killed_encoding_of_passages_goes_on_from_its_chunks(
    plain_cluster: Cluster, plain_settings: ConnectionSettings, folder: Path
) -> None:
    config = config_with(folder, text_sparse=toy("sparse", "passages"))
    rows = [{**ROWS[0], "id": f"d{number}", "body": LONG.replace("order", f"{number} order")} for number in range(4)]
    write(config, rows)
    store = Store(config.store)
    plan = make_plan(plain_cluster, config, store, RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    (part,) = plan.encode_parts
    with deployed(plain_cluster, TOY_MODELS / "sparse") as model_id:
        process = victims.started(victims.encode, plain_settings, plan, part, model_id)
        chunks = f"vectors/{plan.fingerprint}"
        killed = victims.killed_when(process, lambda: len(store.files(chunks, ".parquet")) >= 3)
        assert killed, "it ended before it was killed: give it more to do"
        result = encode_part(plain_cluster, store, plan, part, {plan.fingerprint: model_id}, cores=2)
    assert result.encoded_before >= 3 * 4
    assert (result.encoded + result.encoded_before, result.dead_letters) == (part.items, 0)
    (merged,) = store.files(chunks, ".parquet")
    assert len(set(store.read_table(merged)["text_hash"].to_pylist())) == part.items
