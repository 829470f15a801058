"""As much of torch as a worker asks for: a program that gives each word of a text, by its id, the weight 1 + its length / 10."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from demo.model_archive import zip_of

WORDS = ["[UNK]", "alpha", "beta", "gamma", "delta"]
REFUSED = "gamma"


class OutOfMemoryError(RuntimeError):
    """As torch has one."""


class Tensor:
    def __init__(self, rows: Any) -> None:
        self._rows = np.asarray(rows, dtype=np.float32)

    def to(self, _device: str) -> Tensor:
        return self

    def float(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._rows


@dataclass
class Told:
    """How the program behaves, and what it saw. `scale`: of all weights; what is no 1 is another model than the cluster's.
    `refuses`: a device that it cannot run on. `unloadable`: what loading it raises, by device; `full`: one whose memory no text
    fits into. `fails`: what it raises first, one call after another. `by_neighbours`: what stands
    beside a text moves its weights. `halves`: by how much half a precision does, by its name. `shapes`: texts and tokens of each
    call; `at`: where and how precisely each was made."""

    gpu: bool = False
    scale: float = 1.0
    refuses: str | None = None
    unloadable: dict[str, Exception] = field(default_factory=dict)
    full: str | None = None
    fails: list[Exception] = field(default_factory=list)
    by_neighbours: float = 0.0
    halves: dict[str, float] = field(default_factory=dict)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    at: list[tuple[str, str | None]] = field(default_factory=list)
    lowered: str | None = None


class Program:
    def __init__(self, told: Told, device: str) -> None:
        if device in told.unloadable:
            raise told.unloadable[device]
        self._told, self._device = told, device

    def eval(self) -> Program:
        return self

    def __call__(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        told, ids = self._told, inputs["input_ids"].numpy()
        if told.fails:
            raise told.fails.pop(0)
        if self._device == told.full:
            raise OutOfMemoryError("CUDA out of memory")
        if self._device == told.refuses:
            raise RuntimeError("Traceback of TorchScript:\nExpected all tensors to be on the same device")
        told.shapes.append(ids.shape)
        told.at.append((self._device, told.lowered))
        read = [set(row[mask > 0]) for row, mask in zip(ids, inputs["attention_mask"].numpy(), strict=True)]
        if any(WORDS.index(REFUSED) in row for row in read):
            raise RuntimeError("index out of range in self")
        scale = told.scale + told.by_neighbours * (len(ids) - 1) + told.halves.get(told.lowered or "", 0.0)
        rows = [[scale * weight(word) if n in row else 0 for n, word in enumerate(WORDS)] for row in read]
        return {"tokens": Tensor([[0.0]]), "sentence_embedding": Tensor(rows)}


def weight(word: str) -> float:
    return 1 + len(word) / 10


def fake_torch(told: Told | None = None) -> Any:
    it = told or Told()

    @contextmanager
    def autocast(_device: str, dtype: str | None, *, enabled: bool) -> Iterator[None]:
        it.lowered = dtype if enabled else None
        yield
        it.lowered = None

    return SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: it.gpu, get_device_name=lambda: "Fake GPU"),
        set_num_threads=lambda _: None,
        inference_mode=nullcontext,
        autocast=autocast,
        float16="fp16",
        from_numpy=Tensor,
        jit=SimpleNamespace(load=lambda _program, map_location: Program(it, map_location)),
    )


def write_zip(path: Path, program: str = "sparse.pt") -> Path:
    """A model whose tokenizer knows `WORDS` and reads three of them."""
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": "[UNK]"},
    }
    # Byte for byte the same each time, as its hash is in a fingerprint.
    path.write_bytes(zip_of({program: b"a program", "tokenizer.json": json.dumps(tokenizer).encode()}))
    return path
