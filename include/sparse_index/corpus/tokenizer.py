"""Tokens as a model counts them, by its `tokenizer.json`, which is kept beside the encoder's vectors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from tokenizers import Tokenizer

from sparse_index.store.files import Store
from sparse_index.store.layout import tokenizer_path

TOKENIZER = "tokenizer.json"
# The library keeps every token of the texts that it counts at once, some 150 bytes each.
_CHARS_AT_ONCE = 500_000


@dataclass(frozen=True)
class NoTokenizer:
    """`why`: a clause for a sentence, `the model is ...`."""

    why: str


@dataclass(frozen=True)
class ModelTokenizer:
    """`cut_at`: how many tokens of a text the model reads by its own file, the special ones ([CLS], [SEP]) among them; None
    where the file does not say. It never cuts here, and never pads."""

    cut_at: int | None
    special: int
    _tokenizer: Tokenizer

    @property
    def ids(self) -> dict[str, int]:
        """Token -> its number in the vocabulary, of the special ones too."""
        return dict(self._tokenizer.get_vocab())

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special ones among them. The library counts many texts at once, on several cores."""
        return list(chain.from_iterable(map(self._count, _some_at_a_time(texts))))

    def _count(self, texts: list[str]) -> list[int]:
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(texts)]

    def spans(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """Of each text where each token begins and ends, in characters; without the special ones."""
        for some in _some_at_a_time(texts):
            for encoding in self._tokenizer.encode_batch(some, add_special_tokens=False):
                yield encoding.offsets


def read_tokenizer(content: bytes) -> ModelTokenizer | NoTokenizer:
    """That of a `tokenizer.json`."""
    try:
        tokenizer = Tokenizer.from_str(content.decode())
        cut = (json.loads(content).get("truncation") or {}).get("max_length")
    except Exception as error:  # noqa: BLE001 - the library has no class of its own for a file that it cannot read
        return NoTokenizer(f"the {TOKENIZER} of the model cannot be read ({error})")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return ModelTokenizer(cut, tokenizer.num_special_tokens_to_add(False), tokenizer)


def kept_tokenizer(store: Store, fingerprint: str) -> ModelTokenizer | None:
    """The one that the store has of an encoder; None where it has none."""
    path = tokenizer_path(fingerprint)
    found = read_tokenizer(store.read_bytes(path)) if store.exists(path) else None
    return found if isinstance(found, ModelTokenizer) else None


def _some_at_a_time(texts: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    chars = 0
    for text in texts:
        if some and chars + len(text) > _CHARS_AT_ONCE:
            yield some
            some, chars = [], 0
        some.append(text)
        chars += len(text)
    if some:
        yield some
