"""Texts per second of a model in this process (`encoder.run_on: worker`), on this machine's CPU and on its GPU where it has one.

    PYTHONPATH=include python bench/worker_encoding.py MODEL.zip [--texts 200] [--words 150] [--threads 2]

Needs the extra `worker`. Says how far the GPU's weights are from the CPU's, in the unit in which a build compares them.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import torch

from sparse_index.config.encoder import EncoderConfig, Pruning
from sparse_index.encode.own_process import load_model
from sparse_index.store.files import Store
from sparse_index.vectors.sparse import sparse_kind

KIND = sparse_kind(Pruning())
WORDS = [
    "the",
    "parcel",
    "did",
    "not",
    "arrive",
    "money",
    "back",
    "order",
    "late",
    "refund",
    "account",
    "open",
    "large",
    "red",
]


def made_up(count: int, words: int) -> list[str]:
    chance = random.Random(1)
    return [" ".join(chance.choices(WORDS, k=chance.randint(words // 2, words))) for _ in range(count)]


def encoded(path: str, texts: Sequence[str], threads: int) -> tuple[list[Any], float]:
    """The outputs, and texts per second without the time to load; the first texts of each thread are for warming up."""
    model = {"source": "file", "name": "m", "version": "1", "path": path}
    encoder = EncoderConfig.model_validate({"model": model, "run_on": "worker"})
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(threads) as pool:
        say = load_model(Store(folder), encoder, KIND)
        list(pool.map(say, texts[: 4 * threads]))
        started = time.perf_counter()
        outputs = list(pool.map(say, texts))
        return outputs, len(texts) / (time.perf_counter() - started)


def furthest(one: Sequence[Any], other: Sequence[Any]) -> float:
    whole, deviation = KIND.likeness.whole, KIND.likeness.deviation
    return max(deviation(whole(left), whole(right)) for left, right in zip(one, other, strict=True))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("model")
    options.add_argument("--texts", type=int, default=200)
    options.add_argument("--words", type=int, default=150)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    texts = made_up(chosen.texts, chosen.words)
    with patch("torch.cuda.is_available", return_value=False):
        on_cpu, rate = encoded(chosen.model, texts, chosen.threads)
    print(f"CPU, {chosen.threads} threads: {rate:.1f} texts/s", flush=True)
    if torch.cuda.is_available():
        on_gpu, rate = encoded(chosen.model, texts, chosen.threads)
        apart = furthest(on_cpu, on_gpu)
        print(
            f"{torch.cuda.get_device_name()}, {chosen.threads} threads: {rate:.1f} texts/s, weights differ by {apart:.1g}"
        )


if __name__ == "__main__":
    main()
