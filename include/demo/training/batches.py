"""Turn examples into padded token batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from demo.training.examples import Example, Text
from demo.training.vocabulary import SPECIAL_TOKENS, WORD_ENDINGS

Padded = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Batch:
    """`queries` and `documents` are (ids, mask); documents hold all answers first, then the near misses.

    `excluded` [queries, documents]: documents that answer another's query too and so are no negatives for it.
    """

    queries: Padded
    documents: Padded
    excluded: Tensor
    targets: Tensor


def make_batch(tokenizer: Tokenizer, drawn: Sequence[Example]) -> Batch:
    """One batch: every example's query against every example's answer and near misses."""
    documents = [example.answer for example in drawn]
    documents += [near_miss for example in drawn for near_miss in example.near_misses]
    queries = [example.query for example in drawn]
    return Batch(
        queries=pad(tokenizer, [query.text for query in queries]),
        documents=pad(tokenizer, [document.text for document in documents]),
        excluded=_excluded(queries, documents),
        targets=torch.arange(len(drawn)),
    )


def pad(tokenizer: Tokenizer, texts: Sequence[str]) -> Padded:
    """Token ids and attention mask, padded to the longest text."""
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    longest = max(len(ids) for ids in encoded)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in encoded])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in encoded])
    return ids, mask


def weightless_ids(tokenizer: Tokenizer) -> list[int]:
    """Ids of [PAD], [UNK], ... and of word endings, which never carry weight."""
    ids = (tokenizer.token_to_id(token) for token in (*SPECIAL_TOKENS, *WORD_ENDINGS))
    return [number for number in ids if number is not None]


def _excluded(queries: Sequence[Text], documents: Sequence[Text]) -> Tensor:
    excluded = torch.tensor([[query.concepts <= document.concepts for document in documents] for query in queries])
    own_answer = torch.arange(len(queries))
    excluded[own_answer, own_answer] = False
    return excluded
