"""Encoding in the cluster against the same program without a cluster, on the cores of this machine: texts per second.

    python -m pip install torch
    PYTHONPATH=include python bench/run_on.py [--rows 2000] [--rounds 5] [--model FOLDER]

Same model, texts and cores, in turn; nothing is there to be reused in any round.

- cluster: this package's encode tasks, `encoder.run_on: cluster`, one after another, reading and writing the store.
- worker: the same with `encoder.run_on: worker`; loading the model into the task's process is in its time.
- a process a core: the TorchScript program in processes of one thread each, text after text, that are loaded before the
  clock starts and keep nothing: what these cores give at most that way.

`--model`: a folder with model.zip, of `python -m demo.real_models` or bench/heavy_model.py; without it the small model of
the tests.
"""

from __future__ import annotations

import argparse
import io
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from demo.generate import CorpusRequest, generate_corpus
from side_by_side import Comparison, Contender, compared, in_words, own_server
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster
from sparse_index.cluster.cores import ml_cores
from sparse_index.config.corpus import CorpusConfig
from sparse_index.encode.part import encode_part
from sparse_index.encode.source_texts import iter_texts
from sparse_index.ml import verbs
from sparse_index.ml.build_models import build_models, deployed
from sparse_index.ml.settings import ensure_settings
from sparse_index.pipeline import make_plan
from sparse_index.store.files import Store

TOY = Path(__file__).parents[1] / "include" / "demo" / "toy_models" / "sparse"
TEXTS_A_CALL = 8


@dataclass(frozen=True)
class Scene:
    """A corpus below `folder`, and a folder with model.zip."""

    cluster: Cluster
    folder: Path
    model: Path

    def planned(self, run_on: str, number: int) -> Plan:
        """With a store of its own: nothing is there to be reused."""
        model = {"source": "file", "name": "bench", "version": "1.0.0", "path": str(self.model / "model.zip")}
        config = CorpusConfig.model_validate(
            {
                "alias": "bench",
                "store": str(self.folder / f"store-{run_on}-{number}"),
                "source": {"uri": str(self.folder / "corpus"), "id_column": "id", "text_template": "{title}. {body}"},
                "encoder": {"model": model, "run_on": run_on, "parallel_tasks": 1},
            }
        )
        ensure_settings(self.cluster, config)
        request = RunRequest(run_id=f"bench-{number}", data_date=date(2026, 1, 1))
        return make_plan(self.cluster, config, Store(config.store), request)


def encode(scene: Scene, model_id: str, run_on: str, number: int) -> float:
    plan, cores = scene.planned(run_on, number), ml_cores(scene.cluster)
    store, models = Store(plan.config.store), {plan.fingerprint: model_id}
    started = time.perf_counter()
    results = [encode_part(scene.cluster, store, plan, part, models, cores=cores) for part in plan.encode_parts]
    return sum(result.encoded for result in results) / (time.perf_counter() - started)


@cache
def loaded(model: Path) -> tuple[Any, Tokenizer]:
    """In a process of its own, with one thread."""
    torch.set_num_threads(1)
    with zipfile.ZipFile(model / "model.zip") as archive:
        (program,) = (name for name in archive.namelist() if name.endswith(".pt"))
        content, tokenizer = archive.read(program), Tokenizer.from_str(archive.read("tokenizer.json").decode())
    tokenizer.no_padding()
    return torch.jit.load(io.BytesIO(content)).eval(), tokenizer


def weights(model: Path, texts: list[str]) -> int:
    """How many token weights the texts have."""
    program, tokenizer = loaded(model)
    found = 0
    for text in texts:
        encoding = tokenizer.encode(text)
        rows = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        with torch.inference_mode():
            outputs = program({name: torch.tensor([row]) for name, row in rows.items()})
        found += int(next(iter(outputs.values())).count_nonzero())
    return found


def by_hand(pool: ProcessPoolExecutor, model: Path, texts: list[str], _: int) -> float:
    some = [texts[first : first + TEXTS_A_CALL] for first in range(0, len(texts), TEXTS_A_CALL)]
    started = time.perf_counter()
    if not sum(pool.map(partial(weights, model), some)):
        raise SystemExit("The program gave no weights: it was asked wrongly.")
    return len(texts) / (time.perf_counter() - started)


def compare(scene: Scene, rounds: int, command: str) -> Comparison:
    plan, cores = scene.planned("cluster", -1), ml_cores(scene.cluster)
    store = Store(plan.config.store)
    texts = [text.text for part in plan.encode_parts for text in iter_texts(store, plan, part)]
    model_id = deployed(scene.cluster, build_models(plan.group, plan.encoders))[plan.fingerprint]
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        contenders: dict[str, Contender] = {
            "cluster": partial(encode, scene, model_id, "cluster"),
            "worker": partial(encode, scene, model_id, "worker"),
            "a process a core": partial(by_hand, pool, scene.model, texts),
        }
        try:
            name, title = f"run_on_{scene.model.name}", f"Encoding, model `{scene.model.name}`"
            return compared(name, title, "texts/s", command, contenders, rounds)
        finally:
            verbs.remove_group(scene.cluster, plan.group)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rows", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--model", type=Path, default=TOY)
    chosen = options.parse_args()
    command = f"PYTHONPATH=include python bench/run_on.py --rows {chosen.rows} --rounds {chosen.rounds}"
    told = command if chosen.model == TOY else f"{command} --model {chosen.model.name}"
    with own_server(told) as (_, cluster, folder):
        generate_corpus(CorpusRequest("tickets", chosen.rows), folder / "corpus")
        found = compare(Scene(cluster, folder, chosen.model), chosen.rounds, told)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
