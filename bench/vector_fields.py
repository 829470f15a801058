"""What a vector field costs and finds, kind by kind and way by way:

    PYTHONPATH=include python bench/vector_fields.py --models DIR --corpus FILE.parquet --text "{title}. {body}" --golden DIR

DIR has the packed models of `python -m demo.real_models`, splade and minilm. Each way is a full build of the same documents with
one vector field and no other than the id, so that the index is its vectors. A line each: seconds of encoding (a vector that
the store has is not encoded again), how many numbers a vector has (weights of tokens, or the dimension), its bytes as JSON, in
the store and in the index, MB of the store's vectors, seconds of writing and closing the books, MB of the index, ms of a search
(p50, p95), and recall@10 by exact scores of all stored vectors, where a field may miss documents.
Without --corpus: support tickets of the demo, --rows of them; with --clauses 10 that many contracts of ten clauses, which are
longer than the models read.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from demo.generate import CorpusRequest, generate_corpus
from local_cluster import start
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import gate_report
from sparse_index.builds.request import Mode, RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml.vocabulary import knowing_kind
from sparse_index.pipeline import run
from sparse_index.relevance.golden import golden_of
from sparse_index.store.files import Store
from sparse_index.vectors.files import vector_paths
from sparse_index.vectors.kind import Asked, VectorKind

FIELD, RECALL = "v", "recall@10"
ANALYZER = "bert-uncased"
QUERIES, WARM_UP, TOP = 100, 20, 10
BYTES = "bytes of a vector: JSON / store / index"
HEADS = ("texts", "encode s", "numbers", BYTES, "store MB", "write s", "index MB", "ms p50 / p95", RECALL)
MODELS = {"sparse": "splade", "dense": "minilm"}
DIVIDED = ("passages", "max")
PRUNING = {"pruning": {"type": "max_ratio", "value": 0.1}}


@dataclass(frozen=True)
class Way:
    name: str
    kind: str = "sparse"
    said: dict[str, Any] = field(default_factory=dict)
    pruning: dict[str, Any] = field(default_factory=lambda: PRUNING)


def ways(threshold: int) -> list[Way]:
    approximate = {"type": "sparse_vector", "approximate_threshold": threshold}
    return [
        Way("rank_features"),
        Way("rank_features, not pruned", pruning={}),
        Way("sparse_vector, exact", said={"index": "sparse_vector"}),
        Way("sparse_vector, approximate", said={"index": approximate}),
        Way("sparse_vector, n_postings 600", said={"index": approximate | {"n_postings": 600}}),
        Way("sparse, truncate", said={"long_texts": "truncate"}),
        Way("sparse, passages", said={"long_texts": "passages"}),
        Way("sparse, max", said={"long_texts": "max"}),
        Way("dense", "dense"),
        Way("dense, passages", "dense", {"long_texts": "passages"}),
    ]


def config_of(folder: Path, options: argparse.Namespace, way: Way) -> CorpusConfig:
    packed = options.models / MODELS[way.kind]
    card = json.loads((packed / "config.json").read_text(encoding="utf-8"))
    body = card.get("model_config")
    model = {name: card[name] for name in ("name", "version", "model_format")}
    model |= {"source": "file", "path": str(packed / "model.zip"), "model_config_body": body}
    encoder = {"model": model, "max_tokens": 256, **(way.pruning if way.kind == "sparse" else {})}
    dense = {"dimension": body["embedding_dimension"]} if body else {}
    golden = {"golden": str(options.golden)} if options.golden else {}
    group = f"{way.kind}-{'divided' if way.said.get('long_texts') in DIVIDED else 'whole'}"
    return CorpusConfig.model_validate(
        {
            # Whole texts and passages have stores of their own, so that each is encoded and weighed.
            "alias": f"bench-{group}",
            "store": str(folder / f"store-{group}"),
            "cluster_settings": "ensure",
            "source": {
                "uri": str(options.corpus or folder / "corpus"),
                "id_column": options.id,
                "text_template": options.text,
                "columns": [options.id],
            },
            "vectors": {FIELD: {"kind": way.kind, "encoder": encoder, **dense, **way.said}},
            "index": {"replicas": 0},
            "query": {"analyzer": ANALYZER},
            # It is measured here, not judged.
            "gate": {"min_recall": 0, "undecided": "pass", "max_drop": 1, **golden},
            "limits": {"max_changed_share": 1, "max_truncated_share": 1, "max_empty_share": 1},
        }
    )


def measured(cluster: Cluster, config: CorpusConfig, way: Way) -> str:
    store = Store(config.store)
    request = RunRequest(run_id=way.name, data_date=date(2026, 1, 1), mode=Mode.FULL, accept_undecided="measured")
    done = run(cluster, config, store, request)
    plan = done.plan
    seconds: Any = done.receipt["stage_seconds"]
    written = sum(seconds.get(stage, 0) for stage in ("index", "reconcile"))
    texts = plan.counts.texts_to_encode
    store_mb, index_mb = megabytes(store, plan), index_megabytes(cluster, plan.candidate)
    numbers, json_bytes = sizes(store, config, plan)
    fastest, slow = np.percentile(latencies(cluster, store, config, plan), [50, 95])
    cells = [
        way.name,
        f"{texts:,}",
        f"{seconds.get('encode', 0):.0f}" if texts else "",
        f"{np.mean(numbers):.0f}",
        " / ".join(
            f"{each:,.0f}" for each in (np.mean(json_bytes), *(1e6 * mb / len(numbers) for mb in (store_mb, index_mb)))
        ),
        f"{store_mb:.1f}",
        f"{written:.0f}",
        f"{index_mb:.1f}",
        f"{fastest:.1f} / {slow:.1f}",
        recall(store, plan),
    ]
    return f"| {' | '.join(cells)} |"


def megabytes(store: Store, plan: Plan) -> float:
    vectors = set(vector_paths(store, plan.fingerprint))
    return sum(file.size_bytes for file in store.listing() if file.path in vectors) / 1e6


def index_megabytes(cluster: Cluster, index: str) -> float:
    cluster.post(f"/{index}/_flush")
    time.sleep(2)
    there = cluster.get(f"/{index}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"]
    return float(there) / 1e6


def sizes(store: Store, config: CorpusConfig, plan: Plan) -> tuple[list[int], list[int]]:
    """Of each stored vector: how many numbers it has, and its bytes as JSON."""
    documents = list(stored(store, plan, knowing_kind(store, config.first_field, plan.fingerprint)))
    return [len(each) for each in documents], [
        len(orjson.dumps(each, option=orjson.OPT_SERIALIZE_NUMPY)) for each in documents
    ]


def stored(store: Store, plan: Plan, kind: VectorKind) -> Iterator[Any]:
    """Every vector of the store, as it stands in a document."""
    for path in vector_paths(store, plan.fingerprint):
        for batch in store.batches(path, QUERIES):
            for row in range(len(batch)):
                document = kind.in_document({name: batch[name][row] for name in kind.columns.names})
                if document is not None:
                    yield document


def recall(store: Store, plan: Plan) -> str:
    report = gate_report(store, plan)
    found = [check.value for check in report.checks if check.name == RECALL] if report else []
    return f"{found[0]:.3f}" if found and found[0] is not None else "exact"


def latencies(cluster: Cluster, store: Store, config: CorpusConfig, plan: Plan) -> list[float]:
    """Milliseconds of searches, one after another."""
    kind = knowing_kind(store, config.first_field, plan.fingerprint)
    found = []
    for number, output in enumerate(islice(asked(cluster, store, config, plan, kind), QUERIES)):
        body = {"size": TOP, "_source": False, "query": kind.clause(FIELD, output, Asked(TOP))}
        started = time.perf_counter()
        cluster.post(f"/{plan.candidate}/_search", body)
        if number >= WARM_UP:
            found.append((time.perf_counter() - started) * 1000)
    return found


def asked(cluster: Cluster, store: Store, config: CorpusConfig, plan: Plan, kind: VectorKind) -> Iterator[Any]:
    """The words of the golden queries, where an analyzer makes a query of them; else queries that are like documents."""
    golden = golden_of(config.gate)
    if golden is not None and config.query_way(FIELD) == "analyzer":
        for query in golden.queries:
            cut = cluster.post("/_analyze", {"analyzer": ANALYZER, "text": query.text})["tokens"]
            yield dict.fromkeys((token["token"] for token in cut), 1.0)
        return
    yield from map(kind.as_output, stored(store, plan, kind))


def write_contracts(folder: Path, contracts: int, clauses: int) -> None:
    """The demo's clauses one after another; neighbours overlap by half."""
    files = generate_corpus(CorpusRequest("legal", (contracts + 1) * clauses // 2), folder / "clauses")
    rows = [row for file in files for row in pq.read_table(file, columns=["title", "body"]).to_pylist()]
    firsts = range(0, contracts * clauses // 2, clauses // 2)
    bodies = [" ".join(row["body"] for row in rows[first : first + clauses]) for first in firsts]
    table = {
        "id": [f"c{first}" for first in firsts],
        "title": [rows[first]["title"] for first in firsts],
        "body": bodies,
    }
    (folder / "corpus").mkdir()
    pq.write_table(pa.table(table), folder / "corpus" / "contracts.parquet")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--models", type=Path, default=Path(".local/models"))
    options.add_argument("--corpus", type=Path)
    options.add_argument("--id", default="id")
    options.add_argument("--text", default="{title}. {body}")
    options.add_argument("--golden", type=Path, help="folder of a golden set")
    options.add_argument("--rows", type=int, default=2_000)
    options.add_argument("--clauses", type=int, default=0, help="of each contract")
    options.add_argument("--threshold", type=int, default=100, help="documents of an approximate segment")
    options.add_argument("--only", nargs="+", default=[""], help="ways whose name begins like one of these")
    chosen = options.parse_args()
    documents = f"{chosen.rows:,} {'contracts' if chosen.clauses else 'tickets'}"
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {chosen.corpus or documents}")
    print(f"| way | {' | '.join(HEADS)} |\n|---|{'--:|' * len(HEADS)}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.corpus is None and chosen.clauses:
            write_contracts(folder, chosen.rows, chosen.clauses)
        elif chosen.corpus is None:
            generate_corpus(CorpusRequest("tickets", chosen.rows), folder / "corpus")
        server = start(folder / "server", "plain")
        try:
            with closing(Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False))) as cluster:
                for way in (each for each in ways(chosen.threshold) if each.name.startswith(tuple(chosen.only))):
                    print(measured(cluster, config_of(folder, chosen, way), way), flush=True)
        finally:
            server.stop(discard_data=True)


if __name__ == "__main__":
    main()
