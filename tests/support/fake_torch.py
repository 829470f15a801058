"""As much of torch as a worker asks for: a program that gives each word of a text, by its id, the weight 1 + its length / 10."""

from __future__ import annotations

import json
import zipfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

WORDS = ["[UNK]", "alpha", "beta", "gamma", "delta"]
REFUSED = "gamma"


class OutOfMemoryError(RuntimeError):
    """As torch has one."""


class Tensor:
    def __init__(self, rows: Any) -> None:
        self._rows = np.asarray(rows, dtype=np.float32)

    def __getitem__(self, number: int) -> Tensor:
        return Tensor(self._rows[number])

    def float(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._rows


class Program:
    """`scale`: of all weights; what is no 1 is another model than the cluster's. `refuses`: a device that it cannot run on.
    `fails`: what it raises first, one call after another."""

    def __init__(self, scale: float, device: str, refuses: str | None, fails: list[Exception]) -> None:
        self._scale, self._device, self._refuses, self._fails = scale, device, refuses, fails

    def eval(self) -> Program:
        return self

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        if self._fails:
            raise self._fails.pop(0)
        if self._device == self._refuses:
            raise RuntimeError("Traceback of TorchScript:\nExpected all tensors to be on the same device")
        ids = [int(number) for number in inputs["input_ids"][0].numpy()]
        if WORDS.index(REFUSED) in ids:
            raise RuntimeError("index out of range in self")
        return {
            "tokens": Tensor([[0.0]]),
            "sentence_embedding": Tensor(
                [[self._scale * weight(word) if n in ids else 0 for n, word in enumerate(WORDS)]]
            ),
        }


def weight(word: str) -> float:
    return 1 + len(word) / 10


def fake_torch(
    scale: float = 1.0, *, gpu: bool = False, refuses: str | None = None, fails: list[Exception] | None = None
) -> Any:
    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: gpu),
        set_num_threads=lambda _: None,
        inference_mode=nullcontext,
        tensor=lambda rows, device: Tensor(rows),
        jit=SimpleNamespace(load=lambda _program, map_location: Program(scale, map_location, refuses, fails or [])),
    )


def write_zip(path: Path) -> Path:
    """A model whose tokenizer knows `WORDS` and reads three of them."""
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sparse.pt", b"a program")
        archive.writestr("tokenizer.json", json.dumps(tokenizer))
    return path
