"""Documents encoded per second: this package against a loop that sends one document at a time.

    PYTHONPATH=include python bench/encode_throughput.py [--rows 2000] [--repeats 3]

Same server, same model, same texts, interleaved, in one session. The loop is the workflow this project grew from:
one `_predict` request a document, one after another, with the plain client. The package's figure is that of the whole
encode task: reading the corpus, requests in flight, halving, committing chunks to the store.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from demo.generate import CorpusRequest, generate_corpus
from local_cluster import start
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.encode.source_texts import iter_texts
from sparse_index.ml import verbs
from sparse_index.ml.life import deployed, life_of
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store

ROOT = Path(__file__).parents[1]


def config_for(folder: Path, round_number: int) -> CorpusConfig:
    """A store of its own for each round: nothing is there to be reused."""
    model = ROOT / "include" / "demo" / "models" / "sparse" / "model.zip"
    return CorpusConfig.model_validate(
        {
            "alias": "bench",
            "store": str(folder / f"store-{round_number}"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {
                "model": {"source": "file", "name": "demo-sparse", "version": "1.0.0", "path": str(model)},
                "parallel_tasks": 1,
            },
        }
    )


def loop_docs_per_second(cluster: Cluster, texts: list[str], model_id: str) -> float:
    started = time.perf_counter()
    for text in texts:
        cluster.post(f"/_plugins/_ml/_predict/sparse_encoding/{model_id}", {"text_docs": [text]}, retry=False)
    return len(texts) / (time.perf_counter() - started)


def package_docs_per_second(cluster: Cluster, store: Store, plan: Plan, model_id: str) -> float:
    started = time.perf_counter()
    cores = ml_cores(cluster)
    results = [encode_part(cluster, store, plan, part, model_id, cores=cores) for part in plan.encode_parts]
    return sum(result.encoded for result in results) / (time.perf_counter() - started)


def measure(cluster: Cluster, folder: Path, repeats: int) -> None:
    ratios = []
    for number in range(repeats):
        config = config_for(folder, number)
        store = Store(config.store)
        plan = make_plan(cluster, config, store, RunRequest(run_id=f"bench-{number}", data_date=date(2026, 1, 1)))
        texts = [text.text for part in plan.encode_parts for text in iter_texts(store, plan, part, set())]
        ensure_settings(cluster, config)
        model_id = deployed(cluster, life_of(config.first_field), plan.group)
        try:
            one = loop_docs_per_second(cluster, texts, model_id)
            ours = package_docs_per_second(cluster, store, plan, model_id)
        finally:
            verbs.remove_build_models(cluster, plan.group)
        ratios.append(ours / one)
        print(f"round {number + 1}: {len(texts):,} texts, loop {one:.1f} docs/s, package {ours:.1f} docs/s", flush=True)
    print(
        f"package / loop: median {statistics.median(ratios):.2f} (of {', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=2000)
    options.add_argument("--repeats", type=int, default=3)
    chosen = options.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_corpus(CorpusRequest("tickets", chosen.rows), folder / "corpus")
        server = start(folder / "server", "plain")
        try:
            with closing(Cluster.connect(ConnectionSettings(server.host, server.port, use_ssl=False))) as cluster:
                measure(cluster, folder, chosen.repeats)
        finally:
            server.stop(discard_data=True)


if __name__ == "__main__":
    main()
