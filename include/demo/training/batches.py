"""Turn examples into padded token batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from demo.training.examples import Example
from demo.training.vocabulary import SPECIAL_TOKENS

Padded = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Batch:
    """`queries` and `documents` are (ids, mask); documents hold all answers, then all near misses.

    `excluded` [queries, documents]: documents that partly answer a query and so are no negatives for it.
    """

    queries: Padded
    documents: Padded
    excluded: Tensor
    targets: Tensor


def make_batch(tokenizer: Tokenizer, drawn: Sequence[Example]) -> Batch:
    """One batch of as many queries as examples and twice as many documents."""
    documents = [example.answer for example in drawn] + [example.near_miss for example in drawn]
    return Batch(
        queries=pad(tokenizer, [example.query for example in drawn]),
        documents=pad(tokenizer, documents),
        excluded=_excluded(drawn),
        targets=torch.arange(len(drawn)),
    )


def pad(tokenizer: Tokenizer, texts: Sequence[str]) -> Padded:
    """Token ids and attention mask, padded to the longest text."""
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    longest = max(len(ids) for ids in encoded)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in encoded])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in encoded])
    return ids, mask


def special_ids(tokenizer: Tokenizer) -> list[int]:
    """Ids of [PAD], [UNK], ... which never carry weight."""
    return [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS]


def _excluded(drawn: Sequence[Example]) -> Tensor:
    about = [example.answer_concepts for example in drawn] + [example.near_miss_concepts for example in drawn]
    rows = [[bool(example.concepts <= concepts) for concepts in about] for example in drawn]
    excluded = torch.tensor(rows)
    excluded[torch.arange(len(drawn)), torch.arange(len(drawn))] = False
    return excluded
