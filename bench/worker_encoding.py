"""Texts per second of a model in this process (`encoder.run_on: worker`): every way that this machine has, and how near each is.

    PYTHONPATH=include python bench/worker_encoding.py MODEL.zip [--texts 200] [--words 150] [--threads 2] [--dense 384]

Needs the extra `worker` (`worker-onnx` for ONNX). "near" is the largest difference from one text after another on the CPU in full
precision, in the unit and against the limit by which a build compares. The first round of each way is for warming up.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from sparse_index.config.encoder import FileModel, Pruning
from sparse_index.encode.own_process import LoadedModel, tokenizer_of, unpacked
from sparse_index.encode.programs import Way, ways_of
from sparse_index.encode.proof import differences, with_answers
from sparse_index.errors import SparseIndexError
from sparse_index.store.files import Store
from sparse_index.vectors.dense import dense_kind
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.probe import Probe
from sparse_index.vectors.sparse import sparse_kind

MEAN = {"pooling_mode": "MEAN", "normalize_result": True}


def made_up(count: int, words: int, vocabulary: Sequence[str]) -> list[str]:
    """Of a few words up to `words`: what is padded and what is not differs."""
    chance = random.Random(1)
    return [" ".join(chance.choices(vocabulary, k=chance.randint(max(1, words // 8), words))) for _ in range(count)]


def rate_of(say: LoadedModel, texts: Sequence[str], threads: int) -> tuple[list[Any], float]:
    """Requests of 64 texts on a GPU, of 4 on a CPU, whose threads are all to have some of the few texts that it can do."""
    size = 64 if say.on_gpu else 4
    asked = [texts[start : start + size] for start in range(0, len(texts), size)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(say, asked[: 2 * threads]))
        started = time.perf_counter()
        outputs = [output for some in pool.map(say, asked) for output in some]
    return outputs, len(texts) / (time.perf_counter() - started)


def furthest(kind: VectorKind, texts: Sequence[str], one: Sequence[Any], other: Sequence[Any]) -> float:
    probes = [Probe(text, text, of_corpus=False, vector=None) for text in texts]
    worst, _ = differences(kind, with_answers(kind, probes, one), with_answers(kind, probes, other))
    return worst


def the_ways(model_format: str, program: bytes, budgets: Sequence[int]) -> Iterator[Way]:
    """Also with other sizes of a batch on a GPU."""
    for way in ways_of(model_format, program, MEAN):
        yield way
        if way.on_gpu and way.batch_tokens:
            yield from (replace(way, words=f"{way.words} of {each}", batch_tokens=each) for each in budgets)


def measured(chosen: argparse.Namespace) -> None:
    suffix = "ONNX" if chosen.dense else "TORCH_SCRIPT"
    kind = dense_kind(chosen.dense, "cosinesimil") if chosen.dense else sparse_kind(Pruning())
    model = FileModel(source="file", name="m", version="1", path=chosen.model, model_format=chosen.format or suffix)
    program, content = unpacked(Store("."), model)
    tokenizer = tokenizer_of(content, 512)
    known = [word for word in sorted(tokenizer.get_vocab()) if word.isalpha() and len(word) > 2]
    texts = made_up(chosen.texts, chosen.words, known)
    *_, plain = ways_of(model.model_format, program, MEAN)
    few = texts[: chosen.cpu_texts]
    truth, rate = rate_of(LoadedModel(plain, tokenizer, kind), few, chosen.threads)
    lengths = [len(encoding) for encoding in tokenizer.encode_batch(texts)]
    print(
        f"{chosen.model}: {chosen.texts} texts of {sum(lengths) / len(lengths):.0f} tokens (at most {max(lengths)}), the vectors "
        f"have {sum(map(len, truth)) / len(truth):.0f} numbers; near: at most {kind.likeness.tolerance} {kind.likeness.unit}",
        flush=True,
    )
    print(f"  {plain.words}, {chosen.threads} threads, {len(few)} texts: {rate:.1f} texts/s", flush=True)
    for way in the_ways(model.model_format, program, chosen.budgets):
        asked, threads = (texts, 2) if way.on_gpu else (few, chosen.threads)
        if way.words == plain.words:
            continue
        try:
            outputs, rate = rate_of(LoadedModel(way, tokenizer, kind), asked, threads)
            near = furthest(kind, few, truth, outputs[: len(few)])
            print(f"  {way.words}, {threads} threads: {rate:.1f} texts/s, near: {near:.2g}", flush=True)
        except (SparseIndexError, RuntimeError) as error:
            print(f"  {way.words}: {type(error).__name__} {str(error)[:300]}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("model")
    options.add_argument("--texts", type=int, default=200)
    options.add_argument("--cpu-texts", type=int, default=64, help="of these, on the CPU")
    options.add_argument("--words", type=int, default=150)
    options.add_argument("--threads", type=int, default=2, help="of the CPU; a GPU has two")
    options.add_argument("--dense", type=int, default=0, help="numbers of a dense vector; 0: the model is sparse")
    options.add_argument("--format", choices=["TORCH_SCRIPT", "ONNX"])
    options.add_argument(
        "--budgets", type=int, nargs="*", default=[], help="tokens of a batch to try beside the package's own"
    )
    measured(options.parse_args())


if __name__ == "__main__":
    main()
