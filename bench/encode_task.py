"""A whole encode task with the model in its own process (`encoder.run_on: worker`), from Parquet to the store: texts per second.

    PYTHONPATH=include python bench/encode_task.py MODEL.zip [--texts 20000] [--words 150] [--rounds 3] [--chunks 256 1024 4096]

On a GPU where this machine has one. Needs the extra `worker` (torch). Made-up texts, all of them different; nothing is there to
be reused in any round.

- encode task: reading and verifying the texts, the program, vectors, chunks and one file of them, with each size of a chunk;
  loading the model and comparing it with its probe come before, and are printed.
- the program alone: the same texts, ready in memory, and vectors that nobody keeps.

The cluster is a stand-in: a worker's model never asks it for a vector.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from side_by_side import Comparison, Contender, compared, in_words
from sparse_index.builds.plan import Plan
from sparse_index.builds.request import RunRequest
from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import FileModel
from sparse_index.encode.own_cores import own_cores
from sparse_index.encode.own_process import LoadedModel, load_model, tokenizer_of, unpacked
from sparse_index.encode.part import encode_part
from sparse_index.encode.programs import ways_of
from sparse_index.encode.proof import with_answers
from sparse_index.pipeline import make_plan
from sparse_index.progress import Progress
from sparse_index.store.files import Store
from sparse_index.vectors.kinds import vector_kind
from sparse_index.vectors.probe import Probe, write_probes
from worker_encoding import made_up, rate_of
from worker_memory import stand_in

PROBES = 60


@dataclass(frozen=True)
class Scene:
    """`texts`: those of the corpus below `folder`; `probes`: with what the model says text by text, in full precision."""

    cluster: Cluster
    folder: Path
    model: Path
    texts: Sequence[str]
    probes: Sequence[Probe]

    def planned(self, chunk_docs: int, number: int) -> Plan:
        """With a store of its own."""
        config = config_of(self.folder, self.model, f"store-{chunk_docs}-{number}", chunk_docs)
        plan = make_plan(
            self.cluster, config, Store(config.store), RunRequest(run_id="bench", data_date=date(2026, 1, 1))
        )
        write_probes(Store(config.store), plan.fingerprint, vector_kind(config.first_field), self.probes)
        return plan


def config_of(folder: Path, model: Path, store: str, chunk_docs: int = 256) -> CorpusConfig:
    named = {"source": "file", "name": "bench", "version": "1.0.0", "path": str(model)}
    return CorpusConfig.model_validate(
        {
            "alias": "bench",
            "store": str(folder / store),
            "source": {"uri": str(folder / "corpus"), "id_column": "id", "text_template": "{body}", "max_shards": 1},
            "encoder": {"model": named, "run_on": "worker", "parallel_tasks": 1, "chunk_docs": chunk_docs},
        }
    )


def model_of(config: CorpusConfig) -> FileModel:
    model = config.first_field.encoder.model
    assert isinstance(model, FileModel)
    return model


def written(folder: Path, texts: Sequence[str]) -> None:
    folder.mkdir()
    rows = pa.table({"id": [f"doc-{number}" for number in range(len(texts))], "body": texts})
    pq.write_table(rows, folder / "part.parquet")


def told(config: CorpusConfig, texts: Sequence[str]) -> list[Probe]:
    """The probe of the encoder, as its last way says it: on the CPU, in full precision, text by text."""
    field = config.first_field
    kind, model = vector_kind(field), model_of(config)
    program, tokenizer = unpacked(Store(config.store), model)
    *_, plain = ways_of(model.model_format, program, {})
    says = LoadedModel(plain, tokenizer_of(tokenizer, field.encoder.max_tokens), kind)
    probes = [Probe(text, text, of_corpus=True, vector=None) for text in texts[:PROBES]]
    return with_answers(kind, probes, says([probe.text for probe in probes]))


def encode(scene: Scene, chunk_docs: int, number: int) -> float:
    """From the first text to the last vector in its chunk; loading and merging are in the seconds that are printed."""
    plan = scene.planned(chunk_docs, number)
    (part,) = plan.encode_parts
    store, models, seen = Store(plan.config.store), {plan.fingerprint: "none"}, list[Progress]()
    started, cpu_started = time.perf_counter(), time.process_time()
    result = encode_part(scene.cluster, store, plan, part, models, cores=1, on_progress=seen.append)
    seconds, cpu_ms = time.perf_counter() - started, (time.process_time() - cpu_started) / result.encoded * 1000
    print(f"  {result.predict_calls} calls, {seconds:.1f} s in all, {cpu_ms:.2f} ms of CPU a text", flush=True)
    return seen[-1].per_second


def compare(scene: Scene, chunks: Sequence[int], rounds: int, command: str) -> Comparison:
    config = config_of(scene.folder, scene.model, "store")
    kind = vector_kind(config.first_field)
    alone = load_model(Store(config.store), config.first_field.encoder, kind, scene.probes)

    def program(_: int) -> float:
        return rate_of(alone, scene.texts, 2 if alone.on_gpu else own_cores())[1]

    contenders: dict[str, Contender] = {
        **{f"encode task, chunks of {chunk:,}": partial(encode, scene, chunk) for chunk in chunks},
        "the program alone": program,
    }
    name, title = (
        f"encode_task_{scene.model.parent.name}",
        f"Encode task on {device()}, model `{scene.model.parent.name}`",
    )
    return compared(name, title, "texts/s", command, contenders, rounds)


def device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "a CPU"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("model", type=Path)
    options.add_argument("--texts", type=int, default=20_000)
    options.add_argument("--words", type=int, default=150, help="of a text at most")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--chunks", type=int, nargs="+", default=[256, 1024, 4096])
    chosen = options.parse_args()
    sizes = f"--texts {chosen.texts} --words {chosen.words} --rounds {chosen.rounds} --chunks {' '.join(map(str, chosen.chunks))}"
    command = f"PYTHONPATH=include python bench/encode_task.py {chosen.model.name} {sizes}"
    logging.basicConfig(format="  %(message)s")
    logging.getLogger("sparse_index.encode").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as name, stand_in() as port:
        folder, config = Path(name), config_of(Path(name), chosen.model, "store")
        _, tokenizer = unpacked(Store(config.store), model_of(config))
        vocabulary = tokenizer_of(tokenizer, 512).get_vocab()
        texts = made_up(
            chosen.texts, chosen.words, [word for word in sorted(vocabulary) if word.isalpha() and len(word) > 2]
        )
        written(folder / "corpus", texts)
        with closing(Cluster.connect(ConnectionSettings("127.0.0.1", port, use_ssl=False))) as cluster:
            scene = Scene(cluster, folder, chosen.model, texts, told(config, texts))
            found = compare(scene, chosen.chunks, chosen.rounds, command)
    print(in_words(found), found.save(), sep="\n")


if __name__ == "__main__":
    main()
