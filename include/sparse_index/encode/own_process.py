"""A model's program in this process: what the cluster's copy of it says of a text, said here, on a GPU where it can run on one.

A text is encoded alone and without padding, as ML Commons does it: nothing that stands beside it moves a weight. Several are
encoded at once by as many threads, each on one core.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import aiohttp
from tokenizers import Tokenizer

from sparse_index.addresses import hide_secrets
from sparse_index.config.encoder import EncoderConfig, FileModel, UrlModel
from sparse_index.corpus.tokenizer import TOKENIZER
from sparse_index.errors import (
    ConfigError,
    ModelError,
    OverloadedError,
    SparseIndexError,
    TerminalError,
    UnavailableError,
)
from sparse_index.ml.model_zip import opened_zip
from sparse_index.store.files import Store
from sparse_index.vectors.kind import VectorKind

log = logging.getLogger(__name__)

# A text -> the kind's output, or `Refused`.
LoadedModel = Callable[[str], Any]
# By which a program shows whether it can run on a GPU: many were made on a CPU and name it inside.
SHORT_TEXT = "a"
OUTPUT = "sentence_embedding"


def load_model(store: Store, encoder: EncoderConfig, kind: VectorKind) -> LoadedModel:
    """`ConfigError` where torch is not installed; `ModelError` for a zip that is not read here. What it says of a text raises
    `TerminalError` where the program cannot take that one."""
    torch = _torch()
    program, tokenizer = _unpacked(store, encoder.model)
    texts = _tokenizer(tokenizer, encoder.max_tokens)
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        on_gpu = _on(torch, program, texts, kind, "cuda")
        try:
            on_gpu(SHORT_TEXT)
        except TerminalError as error:
            log.warning(
                "%s runs on this worker's CPU: its program cannot run on the GPU (%s).", _name(encoder), error.message
            )
        else:
            return on_gpu
    return _on(torch, program, texts, kind, "cpu")


def _on(torch: Any, program: bytes, texts: Tokenizer, kind: VectorKind, device: str) -> LoadedModel:
    module = torch.jit.load(BytesIO(program), map_location=device).eval()
    tokens = [texts.decode([number], skip_special_tokens=True) for number in range(texts.get_vocab_size())]

    def say(text: str) -> Any:
        try:
            with torch.inference_mode():
                output = _the_output(module(_inputs(torch, texts, text, device)))
                # Only here does an error of a GPU come to light.
                numbers = output[0].float().cpu().numpy()
        except RuntimeError as error:
            raise _in_our_words(error, text) from error
        return kind.from_numbers(numbers, tokens)

    return say


def _the_output(outputs: Mapping[str, Any]) -> Any:
    """The one that ML Commons is asked for, where there are several."""
    if len(outputs) > 1 and OUTPUT not in outputs:
        raise ModelError(
            f"The model's program has the outputs {', '.join(outputs)}: one is needed, or one named {OUTPUT}."
        )
    return outputs[OUTPUT] if OUTPUT in outputs else next(iter(outputs.values()))


def _in_our_words(error: RuntimeError, text: str) -> SparseIndexError:
    """Of the worker's memory or its GPU: not the text's fault, and passing."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in reason:
        return OverloadedError(f"This worker's memory is used up by the model: {reason}", 429, reason)
    if "CUDA error" in str(error):
        return UnavailableError(f"This worker's GPU does not answer: {reason}")
    return TerminalError(f"The model cannot encode a text of {len(text)} characters: {reason}")


def _name(encoder: EncoderConfig) -> str:
    return f"Model {getattr(encoder.model, 'name', encoder.model.source)}"


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 - only workers that encode have it
    except ModuleNotFoundError as error:
        raise ConfigError(
            "`encoder.run_on: worker` needs torch on every worker that encodes: install the package's extra `worker`, or write "
            "`run_on: cluster`."
        ) from error
    return torch


def _unpacked(store: Store, model: Any) -> tuple[bytes, bytes]:
    """The program and the tokenizer."""
    if not isinstance(model, FileModel | UrlModel):
        raise ConfigError(f"A model of the source {model.source} has no zip that a worker could load.")
    try:
        with opened_zip(store, model) as file, zipfile.ZipFile(file) as archive:
            (program,) = (name for name in archive.namelist() if name.endswith(".pt"))
            return archive.read(program), archive.read(TOKENIZER)
    except (OSError, KeyError, ValueError, ImportError, aiohttp.ClientError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"The zip of model {model.name} cannot be read on this worker ({hide_secrets(repr(error))}): it needs one .pt file "
            f"and {TOKENIZER} at its top level, and the worker the right to read it. Then clear this task."
        ) from None


def _tokenizer(content: bytes, max_tokens: int) -> Tokenizer:
    tokenizer = Tokenizer.from_str(content.decode())
    tokenizer.no_padding()
    if tokenizer.truncation is None:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _inputs(torch: Any, tokenizer: Tokenizer, text: str, device: str) -> dict[str, Any]:
    encoding = tokenizer.encode(text)
    rows = {
        "input_ids": encoding.ids,
        "attention_mask": encoding.attention_mask,
        "token_type_ids": encoding.type_ids,
    }
    return {name: torch.tensor([row], device=device) for name, row in rows.items()}
