"""Learn importances and associations of the sparse encoder from queries and their answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from demo.training.batches import Batch, special_ids
from demo.training.examples import Example
from demo.training.sparse import SparseEncoder, related_weights

SHAPE = {"threshold": 0.5, "ceiling": 0.9, "min_ratio": 0.08, "max_tokens": 60.0}
NEIGHBOURS_PER_TOKEN = 16
_CANDIDATES_PER_TOKEN = 24
_FIRST_STRENGTH = 0.3
_KEPT_STRENGTH = 0.06
_SPARSITY_COST = 0.004


@dataclass(frozen=True)
class Statistics:
    """What counting alone tells before any training: inverse document frequencies and candidate associations."""

    idf: Tensor
    candidates: Tensor


def count_statistics(tokenizer: Tokenizer, counted: Sequence[Example]) -> Statistics:
    """idf [vocab] in 0..1-ish units, candidates [vocab, vocab] bool."""
    queries = [_token_set(tokenizer, example.query) for example in counted]
    answers = [_token_set(tokenizer, example.answer) for example in counted]
    vocab = tokenizer.get_vocab_size()
    frequency = Counter(token for answer in answers for token in answer)
    idf = torch.tensor([log((len(answers) + 1) / (frequency[token] + 1)) for token in range(vocab)])
    idf = (idf / 2.0).clamp(max=3.0)
    idf[special_ids(tokenizer)] = 0.0
    return Statistics(idf, _candidates(queries, answers, vocab))


def _token_set(tokenizer: Tokenizer, text: str) -> frozenset[int]:
    return frozenset(tokenizer.encode(text, add_special_tokens=False).ids)


def _candidates(queries: Sequence[frozenset[int]], answers: Sequence[frozenset[int]], vocab: int) -> Tensor:
    """For each token those that its partner texts hold far more often than other texts do."""
    together, left, right = torch.zeros(vocab, vocab), torch.zeros(vocab), torch.zeros(vocab)
    for query, answer in zip(queries, answers, strict=True):
        rows, columns = torch.tensor(sorted(query)), torch.tensor(sorted(answer))
        together[rows.unsqueeze(1), columns.unsqueeze(0)] += 1
        left[rows] += 1
        right[columns] += 1
    lift = together * len(queries) / (left.unsqueeze(1) * right.unsqueeze(0)).clamp(min=1.0)
    lift = torch.where(together >= 4, lift, torch.zeros(())).fill_diagonal_(0.0)
    lift = torch.maximum(lift, lift.t())
    best = lift.topk(_CANDIDATES_PER_TOKEN, dim=1)
    return torch.zeros(vocab, vocab).scatter_(1, best.indices, best.values) > 4.0


class SparseLearner(nn.Module):  # type: ignore[misc]
    """The trainable form: a dense association matrix, masked to the candidates."""

    def __init__(self, statistics: Statistics) -> None:
        super().__init__()
        self.register_buffer("idf", statistics.idf)
        self.register_buffer("candidates", statistics.candidates.float())
        self.scale = nn.Parameter(torch.zeros_like(statistics.idf))
        self.raw_strengths = nn.Parameter(statistics.candidates.float() * _FIRST_STRENGTH)

    def importance(self) -> Tensor:
        """[vocab], zero for special tokens."""
        return self.idf * self.scale.exp()

    def strengths(self) -> Tensor:
        """[vocab, vocab] association from row token to column token, in [0, 0.95]."""
        return self.raw_strengths.clamp(0.0, 0.95) * self.candidates

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [batch, vocab] and how much of them is expansion [batch]."""
        importance = self.importance()
        own = importance[ids] * mask
        spread = self.strengths()[ids] * own.unsqueeze(2)
        related = related_weights(spread, own, SHAPE["threshold"], SHAPE["ceiling"])
        said = torch.zeros(ids.shape[0], len(importance)).scatter_add_(1, ids, mask).clamp(max=1.0) * importance
        return torch.log1p(torch.maximum(said, related)), related.sum(dim=1)

    def freeze(self) -> SparseEncoder:
        """The deployable model: per token its strongest associations, the weak ones cut."""
        strongest = self.strengths().detach().topk(NEIGHBOURS_PER_TOKEN, dim=1)
        values = torch.where(strongest.values >= _KEPT_STRENGTH, strongest.values, torch.zeros(()))
        indices = torch.where(values > 0, strongest.indices, torch.zeros((), dtype=torch.long))
        return SparseEncoder(self.importance().detach(), indices, values, SHAPE)


def sparse_loss(learner: SparseLearner, batch: Batch) -> Tensor:
    """Tell each query's answer from near misses and other answers, with as little expansion as possible."""
    queries, query_mass = learner(*batch.queries)
    documents, document_mass = learner(*batch.documents)
    scores = queries @ documents.t()
    ranking = nn.functional.cross_entropy(scores.masked_fill(batch.excluded, -1e4), batch.targets)
    return ranking + _SPARSITY_COST * (query_mass.mean() + document_mass.mean())
