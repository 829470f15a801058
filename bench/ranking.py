"""How well each way of searching ranks, by judged queries: nDCG@10 and recall@50 on a server, and what re-ranking makes of it.

    PYTHONPATH=include python bench/ranking.py --models .local/models [--corpora tickets legal] [--judged FOLDER]

The demo's corpora with the demo's two encoders (`python -m demo.real_models` packs them), both kept deployed so that a query
can be encoded by either. `--judged`: a folder with corpus.parquet (id, title, body) beside a golden set, in their place.

A hybrid way asks each side for 50 hits and fuses them by `rrf`. Its first 50 are read by the re-ranker, whole, in whatever time
that takes; the columns after `R@50` are nDCG@10 by `search.rerank.weight`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from side_by_side import own_server
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.load import load_corpus
from sparse_index.config.search import BM25, SearchMode
from sparse_index.pipeline import run
from sparse_index.query.answer import Hit
from sparse_index.query.rerank import last_order, pair_text, reranker_of, scores_in_time, similarities
from sparse_index.relevance.evaluate import asks
from sparse_index.relevance.golden import GoldenSet, read_golden
from sparse_index.relevance.measures import DEPTH, NDCG, RECALL, measure
from sparse_index.serving.act import Serving, serve
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

ROOT = Path(__file__).parents[1] / "include"
SPARSE, DENSE = "text_sparse", "text_dense"
CORPORA = ("tickets", "products", "legal", "news")
WEIGHTS = (1.0, 0.7, 0.5)
REQUESTS = 2


@dataclass(frozen=True)
class Way:
    """`query`: how the sparse side's query is encoded."""

    mode: SearchMode
    sides: tuple[str, ...] = (SPARSE, DENSE)
    query: str = "analyzer"

    @property
    def name(self) -> str:
        asked = self.sides if self.mode is SearchMode.HYBRID else (self.mode.value,)
        by = f", {SPARSE} by {self.query}" if self.mode in (SearchMode.SPARSE, SearchMode.HYBRID) else ""
        return f"{' + '.join(asked)}{by}"

    def asked_of(self, config: CorpusConfig) -> CorpusConfig:
        search = {"sides": self.sides, "query": {SPARSE: self.query, DENSE: "model"}}
        return config.model_copy(update={"search": config.search.model_copy(update=search)})


WAYS = (
    Way(SearchMode.BM25),
    Way(SearchMode.SPARSE),
    Way(SearchMode.SPARSE, query="model"),
    Way(SearchMode.DENSE),
    *(
        Way(SearchMode.HYBRID, sides, query)
        for sides in ((SPARSE, DENSE), (BM25, SPARSE, DENSE))
        for query in ("analyzer", "model")
    ),
)


@dataclass(frozen=True)
class Reader:
    """The re-ranker; what it once read it does not read again, whatever way found it."""

    cluster: Cluster
    config: CorpusConfig
    model_id: str
    known: dict[tuple[str, str], float] = field(default_factory=dict)

    def scores(self, query: str, hits: Sequence[Hit]) -> list[float]:
        new = [hit for hit in hits if (query, hit.id) not in self.known]
        texts = [pair_text(self.config, hit, None) for hit in new]

        def score(some: Sequence[str]) -> list[float]:
            return similarities(self.cluster, self.model_id, query, some)

        found = scores_in_time(score, texts, REQUESTS, None, time.monotonic)
        self.known.update(((query, hit.id), each) for hit, each in zip(new, found, strict=True))
        return [self.known[query, hit.id] for hit in hits]


def config_for(folder: Path, corpus: str, judged: Path | None) -> CorpusConfig:
    """As the demo's corpus file says, with both encoders kept deployed and a store of its own."""
    demo: dict[str, Any] = load_corpus(ROOT / "corpora" / f"{corpus}.yaml").model_dump()
    shared = {"lifecycle": "shared"}
    demo["vectors"] = {name: of | {"encoder": of["encoder"] | shared} for name, of in demo["vectors"].items()}
    demo |= {"store": str(folder / "store"), "cluster_settings": "ensure", "index": {"replicas": 0}}
    del demo["encoder"]
    if judged:
        demo["alias"] = "judged"
        demo["source"] |= {"uri": str(judged / "corpus.parquet"), "text_template": "{title} {body}"}
    return CorpusConfig.model_validate(demo)


def rows(cluster: Cluster, config: CorpusConfig, golden: GoldenSet) -> Iterator[str]:
    if config.search.rerank is None:
        raise SystemExit("The demo's corpus file names no re-ranker.")
    reader = Reader(cluster, config, reranker_of(cluster, config, config.search.rerank))
    for way in WAYS:
        ask = asks(cluster, way.asked_of(config))
        hits = {query.id: ask(way.mode, query, DEPTH).hits for query in golden.queries}
        cells = [f"{found(hits, golden, name):.3f}" for name in (NDCG, RECALL)]
        if way.mode is SearchMode.HYBRID:
            read = {query.id: reader.scores(query.text, hits[query.id]) for query in golden.queries}
            cells += [f"{reranked(hits, read, golden, weight):.3f}" for weight in WEIGHTS]
        yield f"| {config.alias} | {way.name} | {' | '.join(cells)} |"


def found(hits: Mapping[str, Sequence[Hit]], golden: GoldenSet, name: str) -> float:
    return measure({query: [hit.id for hit in of] for query, of in hits.items()}, golden.judgements).mean(name)


def reranked(
    hits: Mapping[str, Sequence[Hit]], read: Mapping[str, Sequence[float]], golden: GoldenSet, weight: float
) -> float:
    ranked = {query: [id_ for id_, _ in last_order(weight, of, read[query])] for query, of in hits.items()}
    return measure(ranked, golden.judgements).mean(NDCG)


def build(cluster: Cluster, config: CorpusConfig) -> None:
    store = Store(config.store)
    serve(Serving(cluster, store, config, REAL_TIME))
    done = run(cluster, config, store, RunRequest(run_id="ranking", data_date=date(2026, 1, 1)))
    if done.receipt["outcome"] != "promoted":
        raise SystemExit(f"{config.alias} is {done.receipt['outcome']}: {done.receipt}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--models", type=Path, required=True)
    options.add_argument("--corpora", nargs="+", default=CORPORA)
    options.add_argument("--judged", type=Path)
    chosen = options.parse_args()
    os.environ["SPARSE_INDEX_MODELS"] = str(chosen.models.absolute())
    with own_server(f"PYTHONPATH=include python {shlex.join(sys.argv)}") as (_, cluster, folder):
        print(f"| corpus | way | nDCG@10 | R@50 | {' | '.join(f'weight {each:g}' for each in WEIGHTS)} |")
        for corpus in CORPORA[:1] if chosen.judged else chosen.corpora:
            config = config_for(folder, corpus, chosen.judged)
            golden = read_golden(chosen.judged or ROOT / "demo" / "corpora" / corpus / "golden")
            build(cluster, config)
            for line in rows(cluster, config, golden):
                print(line, flush=True)


if __name__ == "__main__":
    main()
