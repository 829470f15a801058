"""A first load, documents per second from texts to a searchable index: this package against what one would use instead.

    PYTHONPATH=include python bench/first_load.py [--rows 3000] [--rounds 4] [--model FOLDER] [--settings]

Same server, model and texts, interleaved, in one session; nothing is there to be reused in any round.

- this package: its encode tasks, two at once as by default, then its index tasks, with reading the corpus and writing the store.
- loop: one predict request a document, one after another, then one bulk call.
- pipeline, batch 1: the cluster's `sparse_encoding` ingest processor as it is by default, bulk requests one after another.
- pipeline, batches one at a time: batches as large as a bulk request.
- pipeline, batches in parallel: batches of 8, as many bulk requests of that size at once as were best here.
- requests by hand: predict requests of 8 texts, so many in flight, and no index at all: what the model gives at most.

`--model`: a folder with model.zip, as `python -m demo.real_models` packs; without it the small model of the tests. Take as
many rows as make a round of ours last some seconds: 0.2 s of it is what making an index costs.
`--settings`: this package by its defaults against itself with other texts a request and, where there are rows for several
tasks, other tasks at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers

from demo.generate import CorpusRequest, generate_corpus
from local_cluster import LocalCluster
from side_by_side import Comparison, Contender, compared, in_words, own_server
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.encode.source_texts import iter_texts
from sparse_index.index.candidate import prepare_candidate
from sparse_index.index.part import index_part
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import make_plan
from sparse_index.plan.parts import PART_ITEMS
from sparse_index.store.files import Store
from sparse_index.timing import REAL_TIME

TOY = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse"
INDEX, PIPELINE, FIELD = "loaded", "bench-encoder", "text_sparse"
TEXTS_A_REQUEST = 8
IN_FLIGHT = (1, 2, 3, 4)
AT_ONCE = 4
BULK = 64
TEXTS, TASKS = (4, 16, 32), (1, 4)

Settings = dict[str, int]


@dataclass(frozen=True)
class Scene:
    """A model that is deployed, and the texts of a corpus: (id, text)."""

    cluster: Cluster
    client: OpenSearch
    folder: Path
    model: Path
    model_id: str
    texts: list[tuple[str, str]]

    def config(self, number: int, settings: Settings) -> CorpusConfig:
        """A store of its own for each round and settings (of the encoder): nothing is there to be reused."""
        store = "-".join(["store", str(number), *(f"{name}={value}" for name, value in settings.items())])
        model = {"source": "file", "name": "bench", "version": "1.0.0", "path": str(self.model / "model.zip")}
        return CorpusConfig.model_validate(
            {
                "alias": "bench",
                "store": str(self.folder / store),
                "source": {"uri": str(self.folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
                "encoder": {"model": model, **settings},
                "index": {"replicas": 0},
            }
        )

    def planned(self, number: int, settings: Settings) -> Plan:
        config = self.config(number, settings)
        request = RunRequest(run_id=f"bench-{number}", data_date=date(2026, 1, 1))
        return make_plan(self.cluster, config, Store(config.store), request)

    def predict(self, texts: list[str]) -> Any:
        path = f"/_plugins/_ml/_predict/sparse_encoding/{self.model_id}"
        return self.cluster.post(path, {"text_docs": texts}, retry=None)

    def rate(self, seconds: float) -> float:
        return len(self.texts) / seconds


def package(settings: Settings, scene: Scene, number: int) -> float:
    plan, cores = scene.planned(number, settings), ml_cores(scene.cluster)
    store, models = Store(plan.config.store), {plan.fingerprint: scene.model_id}
    encode = partial(encode_part, scene.cluster, store, plan, model_ids=models, cores=cores)
    started = time.perf_counter()
    with ThreadPoolExecutor(plan.config.encoder.parallel_tasks) as tasks:
        encoded = sum(result.encoded for result in tasks.map(encode, plan.encode_parts))
    prepare_candidate(scene.cluster, store, plan, REAL_TIME.now)
    indexed = sum(index_part(scene.cluster, store, plan, part).indexed for part in plan.index_parts)
    seconds = time.perf_counter() - started
    scene.cluster.delete(f"/{plan.candidate}")
    if not encoded == indexed == len(scene.texts):
        raise SystemExit(f"{encoded} texts encoded and {indexed} documents indexed of {len(scene.texts)}")
    return scene.rate(seconds)


def loop(scene: Scene, _: int) -> float:
    make_index(scene, None)
    started = time.perf_counter()
    documents = []
    for name, text in scene.texts:
        (output,) = scene.predict([text])["inference_results"][0]["output"]
        documents.append(action(name, text) | {FIELD: output["dataAsMap"]["response"][0]})
    helpers.bulk(scene.client, documents)
    return counted(scene, time.perf_counter() - started)


def pipeline(batch: int, at_once: int, bulk: int, scene: Scene, _: int) -> float:
    make_index(scene, batch)
    documents = [action(name, text) for name, text in scene.texts]
    started = time.perf_counter()
    for _answer in written(scene.client, documents, at_once, bulk):
        pass
    return counted(scene, time.perf_counter() - started)


def written(client: OpenSearch, documents: list[dict[str, Any]], at_once: int, bulk: int) -> Iterator[Any]:
    if at_once == 1:
        yield from helpers.streaming_bulk(client, documents, chunk_size=bulk, request_timeout=600)
    else:
        yield from helpers.parallel_bulk(client, documents, at_once, bulk, queue_size=at_once, request_timeout=600)


def by_hand(in_flight: int, scene: Scene, _: int) -> float:
    texts = [text for _, text in scene.texts]
    requests = [texts[first : first + TEXTS_A_REQUEST] for first in range(0, len(texts), TEXTS_A_REQUEST)]
    started = time.perf_counter()
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(scene.predict, requests))
    return scene.rate(time.perf_counter() - started)


def action(name: str, text: str) -> dict[str, Any]:
    return {"_index": INDEX, "_id": name, "text": text}


def make_index(scene: Scene, batch: int | None) -> None:
    """Empty, with the pipeline of that batch size where there is one."""
    scene.cluster.delete(f"/{INDEX}", ignore_unavailable="true")
    settings: dict[str, Any] = {"number_of_replicas": 0, "refresh_interval": "-1"}
    if batch is not None:
        processor = {"model_id": scene.model_id, "field_map": {"text": FIELD}, "batch_size": batch}
        scene.cluster.put(f"/_ingest/pipeline/{PIPELINE}", {"processors": [{"sparse_encoding": processor}]})
        settings["default_pipeline"] = PIPELINE
    properties = {"text": {"type": "text"}, FIELD: {"type": "rank_features"}}
    scene.cluster.put(f"/{INDEX}", {"settings": settings, "mappings": {"properties": properties}})


def counted(scene: Scene, seconds: float) -> float:
    scene.cluster.post(f"/{INDEX}/_refresh")
    found = scene.cluster.get(f"/{INDEX}/_count")["count"]
    if found != len(scene.texts):
        raise SystemExit(f"{found} of {len(scene.texts)} documents were indexed")
    return scene.rate(seconds)


CONTENDERS: dict[str, Callable[[Scene, int], float]] = {
    "this package": partial(package, {}),
    "loop": loop,
    "pipeline, batch 1": partial(pipeline, 1, 1, BULK),
    "pipeline, batches one at a time": partial(pipeline, BULK, 1, BULK),
    "pipeline, batches in parallel": partial(pipeline, TEXTS_A_REQUEST, AT_ONCE, TEXTS_A_REQUEST),
    **{f"requests by hand, {flying} in flight": partial(by_hand, flying) for flying in IN_FLIGHT},
}


@contextmanager
def loading(server: LocalCluster, cluster: Cluster, folder: Path, model: Path, rows: int) -> Iterator[Scene]:
    """The model is deployed within the block."""
    generate_corpus(CorpusRequest("tickets", rows), folder / "corpus")
    client = OpenSearch([{"host": server.host, "port": server.port}], timeout=600)
    scene = Scene(cluster, client, folder, model, "", [])
    ensure_settings(cluster, scene.config(-1, {}))
    plan = scene.planned(-1, {})
    store = Store(plan.config.store)
    texts = (text.text for part in plan.encode_parts for text in iter_texts(store, plan, part))
    named = [(f"doc-{number}", text) for number, text in enumerate(texts)]
    model_id = deployed(cluster, build_models(plan.group, plan.encoders))[plan.fingerprint]
    try:
        yield replace(scene, model_id=model_id, texts=named)
    finally:
        verbs.remove_group(cluster, plan.group)


def compare(scene: Scene, rounds: int, command: str, names: Collection[str] = tuple(CONTENDERS)) -> Comparison:
    contenders: dict[str, Contender] = {name: partial(CONTENDERS[name], scene) for name in names}
    title = f"First load, texts to index, model `{scene.model.name}`"
    return compared(f"first_load_{scene.model.name}", title, "docs/s", command, contenders, rounds)


def compare_settings(scene: Scene, rounds: int, command: str) -> Comparison:
    contenders: dict[str, Contender] = {
        name: partial(package, settings, scene) for name, settings in settings_for(len(scene.texts)).items()
    }
    title = f"First load by other settings, model `{scene.model.name}`"
    return compared(f"first_load_settings_{scene.model.name}", title, "docs/s", command, contenders, rounds)


def settings_for(rows: int) -> dict[str, Settings]:
    """The defaults first."""
    others: list[Settings] = [{"docs_per_request": number} for number in TEXTS]
    if rows > PART_ITEMS:
        others += [{"parallel_tasks": number} for number in TASKS]
    return {"the defaults": {}} | {f"{name}: {value}": each for each in others for name, value in each.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=3000)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--model", type=Path, default=TOY)
    options.add_argument("--settings", action="store_true")
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/first_load.py --rows {chosen.rows} --rounds {chosen.rounds}"
    told = command if chosen.model == TOY else f"{command} --model {chosen.model}"
    measure, told = (compare_settings, f"{told} --settings") if chosen.settings else (compare, told)
    with (
        own_server(told) as (server, cluster, folder),
        loading(server, cluster, folder, chosen.model, chosen.rows) as scene,
    ):
        found = measure(scene, chosen.rounds, told)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
