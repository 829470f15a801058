"""Encode tasks with `encoder.run_on: worker` against `cluster`, on the cores of this machine: texts per second.

    PYTHONPATH=include python bench/run_on.py [--rows 2000] [--rounds 5]

Same model, texts and server, in turn; loading the model into the worker's process is in its time. Needs the extra `worker`.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from functools import partial
from pathlib import Path

from demo.generate import CorpusRequest, generate_corpus
from side_by_side import Contender, compared, in_words, own_server
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store

MODEL = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse" / "model.zip"


def planned(cluster: Cluster, folder: Path, run_on: str, number: int) -> Plan:
    """With a store of its own: nothing is there to be reused."""
    model = {"source": "file", "name": "bench", "version": "1.0.0", "path": str(MODEL)}
    config = CorpusConfig.model_validate(
        {
            "alias": "bench",
            "store": str(folder / f"store-{run_on}-{number}"),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
            "encoder": {"model": model, "run_on": run_on, "parallel_tasks": 1},
        }
    )
    ensure_settings(cluster, config)
    request = RunRequest(run_id=f"bench-{number}", data_date=date(2026, 1, 1))
    return make_plan(cluster, config, Store(config.store), request)


def encode(cluster: Cluster, folder: Path, model_id: str, run_on: str, number: int) -> float:
    plan, cores = planned(cluster, folder, run_on, number), ml_cores(cluster)
    store, models = Store(plan.config.store), {plan.fingerprint: model_id}
    started = time.perf_counter()
    results = [encode_part(cluster, store, plan, part, models, cores=cores) for part in plan.encode_parts]
    return sum(result.encoded for result in results) / (time.perf_counter() - started)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/run_on.py --rows {chosen.rows} --rounds {chosen.rounds}"
    with own_server(command) as (_, cluster, folder):
        generate_corpus(CorpusRequest("tickets", chosen.rows), folder / "corpus")
        plan = planned(cluster, folder, "cluster", -1)
        model_id = deployed(cluster, build_models(plan.group, plan.encoders))[plan.fingerprint]
        try:
            contenders: dict[str, Contender] = {
                name: partial(encode, cluster, folder, model_id, name) for name in ("worker", "cluster")
            }
            found = compared("run_on", "Encoding, small model", "texts/s", command, contenders, chosen.rounds)
        finally:
            verbs.remove_build_models(cluster, plan.group)
    print(in_words(found))


if __name__ == "__main__":
    main()
