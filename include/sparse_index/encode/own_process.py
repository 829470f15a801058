"""A model in this process: what the cluster's copy of it says of texts, said here, in the fastest way that says the same.

Which ways do is the program's own: padding moves the weights of some, half precision of most, and what was traced on a CPU may
run on no GPU. So each is asked for texts of which it is known what the cluster's copy said, until one says that.
"""

from __future__ import annotations

import logging
import socket
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from sparse_index.addresses import hide_secrets
from sparse_index.config.encoder import EncoderConfig, FileModel, UrlModel
from sparse_index.corpus.tokenizer import TOKENIZER
from sparse_index.encode.programs import Way, by_length, model_fails_as, ways_of
from sparse_index.encode.proof import differences, with_answers
from sparse_index.errors import ConfigError, ModelError, OverloadedError, TerminalError
from sparse_index.ml.model_zip import UNREADABLE, opened_zip
from sparse_index.store.files import Store
from sparse_index.store.refusals import in_short
from sparse_index.vectors.kind import Refused, VectorKind
from sparse_index.vectors.probe import Probe

log = logging.getLogger(__name__)

SUFFIXES = {"TORCH_SCRIPT": ".pt", "ONNX": ".onnx"}
# Of the probe's texts, on a CPU, where each costs what a text of the corpus costs.
FEW = 4


class LoadedModel:
    """Texts -> for each the kind's output, or `Refused`, in their order. It may be asked by several threads at once."""

    def __init__(self, way: Way, tokenizer: Tokenizer, kind: VectorKind) -> None:
        # Not the way itself: it has the file of the program.
        self.on_gpu, self._batch_tokens, self._program = way.on_gpu, way.batch_tokens, way.load()
        self._tokenizer, self._kind = tokenizer, kind
        self._tokens = [
            tokenizer.decode([number], skip_special_tokens=True) for number in range(tokenizer.get_vocab_size())
        ]

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        encodings = self._tokenizer.encode_batch(list(texts))
        said: dict[int, Any] = {}
        for places in by_length([len(encoding) for encoding in encodings], self._batch_tokens):
            outputs = self._say([encodings[place] for place in places])
            said.update(zip(places, outputs, strict=True))
        return [said[place] for place in range(len(texts))]

    def _say(self, encodings: Sequence[Encoding]) -> list[Any]:
        try:
            numbers = self._program(_padded(encodings))
        except ModelError:
            raise
        except (TerminalError, OverloadedError) as error:
            # One text may be at fault, or all of them too many for the memory.
            if len(encodings) > 1:
                middle = len(encodings) // 2
                return self._say(encodings[:middle]) + self._say(encodings[middle:])
            if isinstance(error, OverloadedError):
                raise
            return [Refused(error.reason)]
        return [self._kind.from_numbers(row, self._tokens) for row in numbers]


def _padded(encodings: Sequence[Encoding]) -> dict[str, np.ndarray]:
    shape = len(encodings), max(map(len, encodings))
    rows = {name: np.zeros(shape, np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    for place, encoding in enumerate(encodings):
        for name, values in zip(rows, (encoding.ids, encoding.attention_mask, encoding.type_ids), strict=True):
            rows[name][place, : len(encoding)] = values
    return rows


def load_model(store: Store, encoder: EncoderConfig, kind: VectorKind, probes: Sequence[Probe]) -> LoadedModel:
    """The fastest that says of the texts of `probes` what they hold; without any, one that goes text by text. `ConfigError`
    where its library is not installed; `ModelError` for a zip that is not read here, or that says something else."""
    model = encoder.model
    if not isinstance(model, FileModel | UrlModel):
        raise ConfigError(f"A model of the source {model.source} has no zip that a worker could load.")
    program, tokenizer = unpacked(store, model)
    texts, tried, saw_gpu = tokenizer_of(tokenizer, encoder.max_tokens), list[str](), False
    for way in ways_of(model.model_format, program, model.model_config_body or {}):
        if way.batch_tokens and not probes:
            continue
        loaded, words = _tried(kind, probes, way, texts)
        tried.append(f"{way.words}: {words}")
        saw_gpu |= way.on_gpu
        if loaded is not None:
            level = logging.WARNING if saw_gpu and not way.on_gpu else logging.INFO
            about = model.name, socket.gethostname(), "GPU" if way.on_gpu else "CPU", "; ".join(tried)
            log.log(level, "Model %s runs on worker %s, on its %s (%s).", *about)
            return loaded
    raise ModelError(
        f"Model {model.name} does not say on worker {socket.gethostname()} what it says in the cluster ({'; '.join(tried)}). "
        "Give this worker the version of the libraries that the others have, or write `run_on: cluster`; then clear this task."
    )


def _tried(kind: VectorKind, probes: Sequence[Probe], way: Way, tokenizer: Tokenizer) -> tuple[LoadedModel | None, str]:
    """None for one that does not say what the cluster says, or that a GPU cannot take; and how it was, in words."""
    asked = probes if way.on_gpu else few_of(probes)
    try:
        loaded = LoadedModel(way, tokenizer, kind)
        words, alike = _compared(kind, asked, loaded) if asked else ("compared with nothing", True)
    except (OverloadedError, ModelError) as error:
        if not way.on_gpu:
            raise
        return None, error.message
    return loaded if alike else None, words


def few_of(probes: Sequence[Probe]) -> list[Probe]:
    """Short and long ones."""
    ordered = sorted(probes, key=lambda probe: len(probe.text))
    places = {number * (len(ordered) - 1) // (FEW - 1) for number in range(FEW)} if ordered else set()
    return [ordered[place] for place in sorted(places)]


def _compared(kind: VectorKind, probes: Sequence[Probe], model: LoadedModel) -> tuple[str, bool]:
    outputs = model([probe.text for probe in probes])
    worst, different = differences(kind, probes, with_answers(kind, probes, outputs))
    words = f"differs by {worst:.1g} {kind.likeness.unit}"
    if not different:
        return words, True
    refused = next((f", it was refused: {output.reason}" for output in outputs if isinstance(output, Refused)), "")
    which = ", ".join(repr(probe.text_hash[:12]) for probe in different[:3])
    return f"{words} in {len(different)} of {len(probes)} texts of the probe, such as {which}{refused}", False


def unpacked(store: Store, model: FileModel | UrlModel) -> tuple[bytes, bytes]:
    """The program and the tokenizer."""
    suffix = SUFFIXES[model.model_format]
    try:
        with opened_zip(store, model) as file, zipfile.ZipFile(file) as archive:
            (program,) = (name for name in archive.namelist() if name.endswith(suffix))
            return archive.read(program), archive.read(TOKENIZER)
    except (KeyError, *UNREADABLE) as error:
        raise ModelError(
            f"The zip of model {model.name} cannot be read on this worker ({hide_secrets(in_short(error))}): it needs one "
            f"{suffix} file and {TOKENIZER} at its top level, and the worker the right to read it. Then clear this task."
        ) from None


def tokenizer_of(content: bytes, max_tokens: int) -> Tokenizer:
    with model_fails_as(Exception, f"The model's {TOKENIZER} cannot be read", ModelError):
        tokenizer = Tokenizer.from_str(content.decode())
    tokenizer.no_padding()
    if tokenizer.truncation is None:
        tokenizer.enable_truncation(max_tokens)
    return tokenizer
