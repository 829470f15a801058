"""What serving takes: `PYTHONPATH=include python bench/serving.py [--looks 20] [--kills 3]`.

On a server of its own with the toy models: from nothing to a search; a look when all is well; after a model was undeployed, or
deleted, by hand; and after the node was killed (kill -9) and started again, from the moment it answers to the first right search.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from demo.generate import CorpusRequest, generate_corpus
from local_cluster import LocalCluster, start
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import SparseIndexError
from sparse_index.ml import verbs
from sparse_index.ml.groups import models_called
from sparse_index.pipeline import run
from sparse_index.serving.act import Serving, serve
from sparse_index.serving.needs import needs_of
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

MODEL = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"
ROWS = 500
BODY = {"query": {"neural_sparse": {"text_sparse": {"query_text": "a broken screen"}}}}


def config_of(folder: Path) -> CorpusConfig:
    model = {"source": "file", "name": "toy-sparse", "version": "1.0.0", "path": str(MODEL)}
    return CorpusConfig.model_validate(
        {
            "alias": "served",
            "store": str(folder / "store"),
            "cluster_settings": "ensure",
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {"model": model, "lifecycle": "shared"},
            "index": {"replicas": 0},
            "search": {"mode": "hybrid", "sides": ["bm25", "text_sparse"], "query": {"text_sparse": "model"}},
        }
    )


@dataclass
class Served:
    """`server`: the one that runs now."""

    server: LocalCluster
    config: CorpusConfig

    def connected(self) -> Cluster:
        settings = ConnectionSettings(self.server.host, self.server.port, use_ssl=False)
        return Cluster.connect(settings, attempts=1)

    def serve(self) -> None:
        with closing(self.connected()) as cluster:
            serve(Serving(cluster, Store(self.config.store), self.config, REAL_TIME))

    def look(self) -> None:
        with closing(self.connected()) as cluster:
            Serving(cluster, Store(self.config.store), self.config, REAL_TIME).seen()

    def search(self) -> None:
        with closing(self.connected()) as cluster:
            if not cluster.post(f"/{self.config.alias}/_search", BODY)["hits"]["hits"]:
                raise SystemExit("the search found nothing")

    def build(self) -> None:
        request = RunRequest(run_id="bench", data_date=datetime.now(UTC).date())
        with closing(self.connected()) as cluster:
            run(cluster, self.config, Store(self.config.store), request)

    def by_hand(self, *, delete: bool) -> None:
        """Its model is undeployed, or deleted, too."""
        (need,) = needs_of(self.config)
        with closing(self.connected()) as cluster:
            for model_id in models_called(cluster, need.group):
                verbs.undeploy(cluster, model_id)
                if delete:
                    verbs.delete_model(cluster, model_id)

    def killed(self) -> None:
        self.server.kill()
        self.server = self.server.restart()


def seconds(*work: Callable[[], None]) -> float:
    started = perf_counter()
    for each in work:
        each()
    return perf_counter() - started


def back_after_a_kill(served: Served) -> tuple[str, float]:
    """(What a search is told at once, seconds from the node's answer to a right search after serving)."""
    served.killed()
    try:
        told = "right"
        served.search()
    except SparseIndexError as error:
        told = error.reason or error.message
    return told, seconds(served.serve, served.search)


def lines(served: Served, looks: int, kills: int) -> Iterator[str]:
    first = seconds(served.serve)
    served.build()
    yield f"| from nothing, with the toy model | {first:.1f} s |"
    served.serve()
    all_looks = [seconds(served.look) for _ in range(looks)]
    yield f"| a look when all is well, of {looks} | {median(all_looks) * 1000:.0f} ms, at most {max(all_looks) * 1000:.0f} |"
    for what, delete in (("undeployed", False), ("deleted", True)):
        served.by_hand(delete=delete)
        yield f"| a model {what} by hand, until a right search | {seconds(served.serve, served.search):.1f} s |"
    for _ in range(kills):
        told, back_s = back_after_a_kill(served)
        yield f"| kill -9 of the node, until a right search (at once: {told[:60]}) | {back_s:.1f} s |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--looks", type=int, default=20)
    options.add_argument("--kills", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        config = config_of(Path(name))
        generate_corpus(CorpusRequest("tickets", ROWS), Path(config.source.uri))
        served = Served(start(Path(name) / "server", "plain"), config)
        try:
            print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, OpenSearch {version(served)}\n| what | took |\n|---|--:|")
            for line in lines(served, chosen.looks, chosen.kills):
                print(line, flush=True)
        finally:
            served.server.stop(discard_data=True)


def version(served: Served) -> Any:
    with closing(served.connected()) as cluster:
        return cluster.get("/")["version"]["number"]


if __name__ == "__main__":
    main()
