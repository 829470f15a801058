"""A small corpus of real words with a sparse and a dense field of the toy models, and two answers compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from build_plans import remove_indices
from demo.judgements import corpus_path
from demo.model_server import TOY_MODELS, deployed
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.pipeline import run
from sparse_index.query.answer import Answer
from sparse_index.query.pipelines import RANK_CONSTANT
from sparse_index.serving.act import Serving, serve
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

COLUMNS = ["id", "title", "body", "category", "order_value", "created_at"]
DENSE_SIZE = 64
# The sums of float32 differ from ours by less.
SAME = 1e-5


class ToyModels(NamedTuple):
    """Ids of the deployed ones."""

    sparse: str
    dense: str
    cross: str


@contextmanager
def toy_models(cluster: Cluster) -> Iterator[ToyModels]:
    with ExitStack() as stack:
        yield ToyModels(*(stack.enter_context(deployed(cluster, TOY_MODELS / kind)) for kind in ToyModels._fields))


def write_tickets(folder: Path, count: int) -> Path:
    """The first `count` tickets of the demo."""
    path = folder / "tickets.parquet"
    pq.write_table(pq.read_table(corpus_path("tickets"), columns=COLUMNS).slice(0, count), path)
    return path


def searched_config(alias: str, tickets: Path, models: ToyModels, shards: int = 1, **search: Any) -> CorpusConfig:
    given = {"source": "model_id"}
    return CorpusConfig.model_validate(
        {
            "alias": alias,
            "store": str(tickets.parent / "store"),
            "source": {"uri": str(tickets), "id_column": "id", "text_template": "{title}. {body}"},
            "vectors": {
                "text_sparse": {"kind": "sparse", "encoder": {"model": given | {"model_id": models.sparse}}},
                "text_dense": {
                    "kind": "dense",
                    "dimension": DENSE_SIZE,
                    "encoder": {"model": given | {"model_id": models.dense}},
                },
            },
            "index": {"replicas": 0, "shards": shards},
            "search": search,
        }
    )


def divided_config(alias: str, tickets: Path, shards: int = 1, **search: Any) -> CorpusConfig:
    """The same with both fields in passages, of about a sentence each. Its models go with each run: a search is given theirs."""
    return CorpusConfig.model_validate(
        {
            "alias": alias,
            "store": str(tickets.parent / "store"),
            "source": {"uri": str(tickets), "id_column": "id", "text_template": "{title}. {body}"},
            "vectors": {
                "text_sparse": {"kind": "sparse", **_in_passages("sparse")},
                "text_dense": {"kind": "dense", "dimension": DENSE_SIZE, **_in_passages("dense")},
            },
            "index": {"replicas": 0, "shards": shards},
            "search": search,
        }
    )


def _in_passages(toy: str) -> dict[str, Any]:
    card = json.loads((TOY_MODELS / toy / "config.json").read_text())
    model = {name: card[name] for name in ("name", "version", "model_format")}
    file = {
        "source": "file",
        "path": str(TOY_MODELS / toy / "model.zip"),
        "model_config_body": card.get("model_config"),
    }
    return {
        "long_texts": "passages",
        "passages": {"tokens": 16, "overlap": 4},
        "encoder": {"model": model | file, "chunk_docs": 200, "docs_per_request": 16},
    }


def live(cluster: Cluster, config: CorpusConfig) -> None:
    """Served, built and promoted."""
    serve(Serving(cluster, Store(config.store), config, REAL_TIME))
    done = run(cluster, config, Store(config.store), RunRequest(run_id="test", data_date=date(2026, 1, 2)))
    assert done.receipt["outcome"] == "promoted"


def remove_served(cluster: Cluster, alias: str) -> None:
    """Its indices, and the pipelines that they named."""
    remove_indices(cluster, alias)
    for name in cluster.find("/_search/pipeline") or {}:
        if name.startswith(f"{alias}--"):
            cluster.delete(f"/_search/pipeline/{name}")


def require_same(server: Answer, client: Answer, everything: Answer, *, by_ranks: bool = True) -> None:
    """The same hits with the same scores in the same order, but for what nobody outside the cluster can know: its order of
    equal scores, which moves a sum of ranks. `everything`: all that the client would fuse, with what each side says of it."""
    slack = _slack(everything) if by_ranks else dict.fromkeys((hit.id for hit in everything.hits), 0.0)
    exact = {hit.id: hit.score for hit in everything.hits}
    assert len(server.hits) == len(client.hits)
    for theirs, ours in zip(server.hits, client.hits, strict=True):
        allowed = SAME + slack[theirs.id] + slack[ours.id]
        # At each place the same score, and that score is the document's own.
        assert abs(theirs.score - ours.score) <= allowed, (theirs, ours)
        assert abs(theirs.score - exact[theirs.id]) <= allowed, (theirs, exact[theirs.id])


def cuts_equals(some: Answer, all_: Answer) -> bool:
    """Whether a side has more documents of one score than it may give: which of them are candidates nobody outside the cluster
    can know. `some`: with as many candidates as were asked for; `all_`: with all documents."""
    return any(count != _scores(all_)[pair] for pair, count in _scores(some).items())


def _scores(answer: Answer) -> Counter[tuple[str, float]]:
    """Side and score -> how many documents."""
    return Counter((side, found.score) for hit in answer.hits for side, found in hit.sides.items())


def _slack(everything: Answer) -> Mapping[str, float]:
    """How far the order of a side's equal scores, which the cluster chooses, can move each document's sum of ranks."""
    slack = dict.fromkeys((hit.id for hit in everything.hits), 0.0)
    for side in {side for hit in everything.hits for side in hit.sides}:
        ranks: dict[float, list[int]] = {}
        found = {hit.id: hit.sides[side] for hit in everything.hits if side in hit.sides}
        for each in found.values():
            ranks.setdefault(each.score, []).append(each.rank or 0)
        for id_, each in found.items():
            equal = ranks[each.score]
            slack[id_] += 1 / (RANK_CONSTANT + min(equal)) - 1 / (RANK_CONSTANT + max(equal))
    return slack
