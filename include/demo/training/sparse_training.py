"""Learn importances and associations of the sparse encoder from queries and their answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from demo.training.batches import Batch, weightless_ids
from demo.training.examples import Example
from demo.training.sparse import SparseEncoder

SHAPE = {"threshold": 0.5, "ceiling": 0.9, "min_ratio": 0.12, "max_tokens": 60.0}
NEIGHBOURS_PER_TOKEN = 24
_LEAST_LIFT = 6.0
_LEAST_SHARE = 0.12
_LEAST_TOGETHER = 4
_LARGEST_IDF = 2.0
_STOP_WORD_IDF = 0.8
_FIRST_STRENGTH = 0.5
_KEPT_STRENGTH = 0.06
_SCORE_SCALE = 3.0
_EXPANSION_COST = 0.002
_LENGTH_COST = 0.0005
_LEAST_SCALE, _LARGEST_SCALE = -0.7, 1.2


@dataclass(frozen=True)
class Statistics:
    """What counting alone tells before any training.

    idf [vocab]; associations [vocab, vocab]: how often the column token answers the row token, 0 if by chance only.
    """

    idf: Tensor
    associations: Tensor


def count_statistics(tokenizer: Tokenizer, counted: Sequence[Example]) -> Statistics:
    """Count corpus by corpus: a word that one corpus uses everywhere is unimportant, even if others lack it."""
    by_corpus = [[e for e in counted if e.corpus == name] for name in sorted({e.corpus for e in counted})]
    associations = torch.stack([_associations(tokenizer, examples) for examples in by_corpus]).amax(dim=0)
    idf = torch.stack([_idf(tokenizer, examples) for examples in by_corpus]).amin(dim=0)
    return Statistics(idf, associations)


def _idf(tokenizer: Tokenizer, counted: Sequence[Example]) -> Tensor:
    """Half the inverse document frequency above that of a stop word, 0.._LARGEST_IDF."""
    frequency = Counter(token for example in counted for token in _token_set(tokenizer, example.answer.text))
    tokens = range(tokenizer.get_vocab_size())
    idf = torch.tensor([log((len(counted) + 1) / (frequency[token] + 1)) for token in tokens])
    idf[weightless_ids(tokenizer)] = 0.0
    return ((idf - _STOP_WORD_IDF) / 2.0).clamp(0.0, _LARGEST_IDF)


def _token_set(tokenizer: Tokenizer, text: str) -> frozenset[int]:
    return frozenset(tokenizer.encode(text, add_special_tokens=False).ids)


def _associations(tokenizer: Tokenizer, counted: Sequence[Example]) -> Tensor:
    """Share of answers with token j among queries with token i, where it is far above the share in all answers."""
    vocab = tokenizer.get_vocab_size()
    together, left, right = torch.zeros(vocab, vocab), torch.zeros(vocab), torch.zeros(vocab)
    for example in counted:
        rows = torch.tensor(sorted(_token_set(tokenizer, example.query.text)))
        columns = torch.tensor(sorted(_token_set(tokenizer, example.answer.text)))
        together[rows.unsqueeze(1), columns.unsqueeze(0)] += 1
        left[rows] += 1
        right[columns] += 1
    share = together / left.clamp(min=1.0).unsqueeze(1)
    lift = share * len(counted) / right.clamp(min=1.0)
    telling = (lift >= _LEAST_LIFT) & (share >= _LEAST_SHARE) & (together >= _LEAST_TOGETHER)
    associations = torch.where(telling, share, torch.zeros(())).fill_diagonal_(0.0)
    return torch.maximum(associations, associations.t())


class SparseLearner(nn.Module):  # type: ignore[misc]
    """The trainable form: associations among the tokens that have candidates at all."""

    def __init__(self, statistics: Statistics) -> None:
        super().__init__()
        associated = (statistics.associations > 0).any(dim=1).nonzero()[:, 0]
        counted = statistics.associations[associated][:, associated]
        row_of = torch.full((len(statistics.idf),), len(associated)).scatter_(
            0, associated, torch.arange(len(associated))
        )
        self.register_buffer("idf", statistics.idf)
        self.register_buffer("associated", associated)
        self.register_buffer("row_of", row_of)
        self.register_buffer("allowed", (counted > 0).float())
        self.scale = nn.Parameter(torch.zeros_like(statistics.idf))
        self.raw_strengths = nn.Parameter(counted.clamp(max=_FIRST_STRENGTH))

    def importance(self) -> Tensor:
        """[vocab], zero for special tokens."""
        return self.idf * self.scale.clamp(_LEAST_SCALE, _LARGEST_SCALE).exp()

    def strengths(self) -> Tensor:
        """[associated, associated] from row to column, 0..0.95, closed over two steps.

        Words associated with the same word are associated: this is what bridges wordings never seen together.
        """
        direct = self.raw_strengths.clamp(0.0, 0.95) * self.allowed
        closed = (direct + direct @ direct).clamp(max=0.95)
        return closed * (1.0 - torch.eye(len(closed)))

    def forward(self, ids: Tensor, mask: Tensor, strengths: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [batch, vocab] and how much of them is expansion [batch]."""
        importance = self.importance()
        own = importance[ids] * mask
        related = self._related(ids, own, nn.functional.pad(strengths, (0, 0, 0, 1)))
        absent = torch.zeros(ids.shape[0], len(importance))
        said = absent.scatter_add(1, ids, mask).clamp(max=1.0) * importance
        everywhere = absent.index_add(1, self.associated, related)
        return torch.log1p(torch.maximum(said, everywhere)), related.sum(dim=1)

    def _related(self, ids: Tensor, own: Tensor, strengths: Tensor) -> Tensor:
        """What `related_weights` computes, but only in windows that hold an associated token: most hold none."""
        rows, weights = _windows(self.row_of[ids], len(self.associated)), _windows(own, 0.0)
        telling = (rows < len(self.associated)).any(dim=2).float()
        kept = telling.sort(dim=1, descending=True, stable=True).indices[:, : int(telling.sum(dim=1).max())]
        rows, weights = (x.gather(1, kept.unsqueeze(2).expand(-1, -1, 3)) for x in (rows, weights))
        evidence = nn.functional.embedding_bag(
            rows.reshape(-1, 3), strengths, mode="sum", per_sample_weights=weights.reshape(-1, 3)
        )
        evidence = evidence.reshape(*kept.shape, -1) - SHAPE["threshold"]
        ceiling = SHAPE["ceiling"] * weights.amax(dim=2, keepdim=True)
        return torch.minimum(evidence.clamp(min=0.0), ceiling).amax(dim=1)

    def freeze(self) -> SparseEncoder:
        """The deployable model: per token its strongest associations, the weak ones cut."""
        strongest = self.strengths().detach().topk(NEIGHBOURS_PER_TOKEN, dim=1)
        values = torch.where(strongest.values >= _KEPT_STRENGTH, strongest.values, torch.zeros(()))
        shape = (len(self.idf), NEIGHBOURS_PER_TOKEN)
        neighbours = torch.zeros(shape, dtype=torch.long)
        neighbours[self.associated] = self.associated[strongest.indices] * (values > 0)
        strengths = torch.zeros(shape).index_copy(0, self.associated, values)
        return SparseEncoder(self.importance().detach(), neighbours, strengths, SHAPE)


def _windows(values: Tensor, outside: float) -> Tensor:
    """[batch, length] -> [batch, length, 3]: each position with its neighbours."""
    return nn.functional.pad(values, (1, 1), value=outside).unfold(1, 3, 1)


def sparse_loss(learner: SparseLearner, batch: Batch) -> Tensor:
    """Tell each query's answer from near misses and other answers, with little expansion and short vectors.

    The length term is SPLADE's FLOPS: it presses down the tokens that most documents share.
    """
    strengths = learner.strengths()
    queries, query_expansion = learner(*batch.queries, strengths)
    documents, document_expansion = learner(*batch.documents, strengths)
    scores = _SCORE_SCALE * queries @ documents.t()
    ranking = nn.functional.cross_entropy(scores.masked_fill(batch.excluded, -1e4), batch.targets)
    expansion = query_expansion.mean() + document_expansion.mean()
    length = documents.mean(dim=0).square().sum()
    return ranking + _EXPANSION_COST * expansion + _LENGTH_COST * length
