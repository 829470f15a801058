"""A model's program in this process: token numbers in, the model's numbers out. In the formats that ML Commons reads, and each in
the ways it may run here, the fastest first."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np

from sparse_index.errors import (
    ConfigError,
    ModelError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    UnavailableError,
)

# int64 of [texts, tokens], by the names of the program's inputs.
Rows = Mapping[str, np.ndarray]
# -> float32 of [texts, numbers]. `TerminalError` where it cannot take one of the texts.
Program = Callable[[Rows], np.ndarray]
OUTPUT = "sentence_embedding"
# Tokens of one batch, padding counted. A core is busy with few; what a GPU holds of each is the size of the vocabulary.
ON_CORE, ON_GPU = 256, 8_192
# Library -> the package's extra that brings it.
EXTRAS = {"torch": "worker", "onnxruntime": "worker-onnx"}
LIBRARIES = {"TORCH_SCRIPT": "torch", "ONNX": "onnxruntime"}
NOT_ENCODED = "The model cannot encode a text"
NOT_LOADED = "The model cannot be loaded on this worker (see its zip, or write `run_on: cluster`)"
# What torch and onnxruntime say of memory that is full, where it has no class.
_NO_MEMORY = ("can't allocate memory", "Failed to allocate memory")


@dataclass(frozen=True)
class Way:
    """One way to run a program. `words`: for logs; `load`: the program, ModelError or OverloadedError where it cannot be;
    `batch_tokens`: of a batch at most, 0 where each text goes alone, in full precision, as ML Commons does it."""

    words: str
    load: Callable[[], Program]
    batch_tokens: int
    on_gpu: bool


def ways_of(model_format: str, content: bytes, body: Mapping[str, Any]) -> Iterator[Way]:
    """Those that this worker has. `body`: ML Commons' `model_config`. `ConfigError` without the
    library."""
    library = _library(LIBRARIES[model_format])
    return _torch_ways(library, content) if model_format == "TORCH_SCRIPT" else _onnx_ways(library, content, body)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"`encoder.run_on: worker` needs {name} on every worker that encodes: install the package's extra `{EXTRAS[name]}`, "
            "or write `run_on: cluster`."
        ) from error


def _torch_ways(torch: Any, content: bytes) -> Iterator[Way]:
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        module, name = cache(partial(_module, torch, content, "cuda")), torch.cuda.get_device_name()
        # bfloat16 is ten times further off (docs/add-a-corpus.md): never near enough.
        half = partial(_of_torch, torch, module, "cuda", torch.float16)
        in_full = partial(_of_torch, torch, module, "cuda", None)
        yield Way(f"{name}, fp16, in batches", half, ON_GPU, on_gpu=True)
        yield Way(f"{name}, full precision, in batches", in_full, ON_GPU, on_gpu=True)
        yield Way(f"{name}, full precision, text by text", in_full, 0, on_gpu=True)
    on_core = partial(_of_torch, torch, cache(partial(_module, torch, content, "cpu")), "cpu", None)
    yield Way("CPU, in batches", on_core, ON_CORE, on_gpu=False)
    yield Way("CPU, text by text", on_core, 0, on_gpu=False)


def _module(torch: Any, content: bytes, device: str) -> Any:
    with warnings.catch_warnings(), model_fails_as(RuntimeError, NOT_LOADED, ModelError):
        # TorchScript is what ML Commons runs, and torch advises against it.
        warnings.simplefilter("ignore", FutureWarning)
        return torch.jit.load(BytesIO(content), map_location=device).eval()


def _of_torch(torch: Any, load: Callable[[], Any], device: str, half: Any) -> Program:
    """`half`: the type of numbers to which torch lowers what stands it; None: none."""
    module = load()

    def run(rows: Rows) -> np.ndarray:
        inputs = {name: torch.from_numpy(values).to(device) for name, values in rows.items()}
        lowered = torch.autocast(device, dtype=half, enabled=half is not None)
        with model_fails_as(RuntimeError, NOT_ENCODED), torch.inference_mode(), lowered:
            # Only by reading it does an error of a GPU come to light.
            numbers: np.ndarray = _the_output(module(inputs)).float().cpu().numpy()
        return numbers

    return run


def _onnx_ways(runtime: Any, content: bytes, body: Mapping[str, Any]) -> Iterator[Way]:
    providers = [("CUDAExecutionProvider", "GPU", ON_GPU), ("CPUExecutionProvider", "CPU", ON_CORE)]
    for provider, words, tokens in providers:
        if provider in runtime.get_available_providers():
            load = partial(_of_onnx, cache(partial(_session, runtime, content, provider)), body)
            yield Way(f"{words}, in batches", load, tokens, words == "GPU")
            yield Way(f"{words}, text by text", load, 0, words == "GPU")


def _session(runtime: Any, content: bytes, provider: str) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    # The library's errors have no class of their own above Exception.
    with model_fails_as(Exception, NOT_LOADED, ModelError):
        session = runtime.InferenceSession(content, options, providers=[provider])
    if provider not in session.get_providers():  # it takes the CPU instead and says so in a log
        raise ModelError(f"{NOT_LOADED}: onnxruntime cannot use {provider} here.")
    return session


def _of_onnx(load: Callable[[], Any], body: Mapping[str, Any]) -> Program:
    session = load()
    inputs, outputs = ([each.name for each in some] for some in (session.get_inputs(), session.get_outputs()))

    def run(rows: Rows) -> np.ndarray:
        with model_fails_as(Exception, NOT_ENCODED):
            found = dict(zip(outputs, session.run(None, {name: rows[name] for name in inputs}), strict=True))
        numbers: np.ndarray = found[OUTPUT] if OUTPUT in found else found[outputs[0]]
        return _pooled(numbers, rows["attention_mask"], body) if numbers.ndim == 3 else numbers

    return run


def _pooled(numbers: np.ndarray, mask: np.ndarray, body: Mapping[str, Any]) -> np.ndarray:
    """One vector of those of a text's tokens, as ML Commons makes it; its default is the mean."""
    mode = str(body.get("pooling_mode") or "MEAN").upper()
    if mode not in ("MEAN", "CLS"):
        raise ModelError(f"No worker can pool by {mode}, only by MEAN or CLS: write `run_on: cluster`.")
    sums = (numbers * mask[:, :, None]).sum(1) / mask.sum(1)[:, None] if mode == "MEAN" else numbers[:, 0]
    pooled: np.ndarray = sums / np.linalg.norm(sums, axis=1, keepdims=True) if body.get("normalize_result") else sums
    return pooled.astype(np.float32)


def _the_output(outputs: Mapping[str, Any]) -> Any:
    """The one that ML Commons is asked for, where there are several."""
    if len(outputs) > 1 and OUTPUT not in outputs:
        raise ModelError(
            f"The model's program has the outputs {', '.join(outputs)}: one is needed, or one named {OUTPUT}."
        )
    return outputs[OUTPUT] if OUTPUT in outputs else next(iter(outputs.values()))


@contextmanager
def model_fails_as(errors: type[Exception], what: str, ours: type[TerminalError] = TerminalError) -> Iterator[None]:
    """`ours` says `what` and why; what the worker's memory or its GPU lack is neither the text's nor the model's fault, and
    passes."""
    try:
        yield
    except SparseIndexError:
        raise
    except errors as error:
        raise _what_failed(error, what, ours) from error


def _what_failed(error: Exception, what: str, ours: type[TerminalError]) -> SparseIndexError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    if type(error).__name__ == "OutOfMemoryError" or any(words in reason for words in _NO_MEMORY):
        return OverloadedError(f"This worker's memory is used up by the model: {reason}", 429, reason)
    if "CUDA error" in str(error) and "no kernel image" not in str(error):
        return UnavailableError(f"This worker's GPU does not answer: {reason}")
    return ours(f"{what}: {reason}", reason=reason)


def by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Places in `lengths` by the batch, the longest first, so that little is padding: as many as `batch_tokens` holds of the
    longest of them, one at least."""
    left = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    while left:
        count = max(1, batch_tokens // max(1, lengths[left[0]]))
        yield left[:count]
        left = left[count:]
