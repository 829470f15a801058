"""The cross-encoder: every word of the query looks for its best partner in the document."""

from typing import Final

import torch
from torch import Tensor, nn

from demo.training.batches import Batch

DIMENSION = 48
SCORE_SCALE = 6.0


class CrossEncoder(nn.Module):  # type: ignore[misc]
    """What is deployed. vectors [vocab, DIMENSION] float16 of length 1; importance [vocab] float16."""

    score_scale: Final[float]

    def __init__(self, vectors: Tensor, importance: Tensor) -> None:
        super().__init__()
        self.score_scale = SCORE_SCALE
        self.register_buffer("vectors", vectors.half())
        self.register_buffer("importance", importance.half())

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """[batch, length] each, query as type 0 and document as type 1 -> score [batch, 1], higher is better."""
        ids, mask = input_ids.long(), attention_mask.float()
        second = token_type_ids.float() * mask
        vectors, importance = self.vectors.float()[ids], self.importance.float()[ids]
        similarity = vectors @ vectors.transpose(1, 2)
        known_partner = second * (importance > 0).float()
        best = (similarity * known_partner.unsqueeze(1)).amax(dim=2).clamp(min=0.0)
        asked = importance * (mask - second)
        share = (best * asked).sum(dim=1) / asked.sum(dim=1).clamp(min=1e-6)
        return (self.score_scale * (2.0 * share - 1.0)).unsqueeze(1)


class CrossLearner(nn.Module):  # type: ignore[misc]
    """The trainable form: scores every query of a batch against every document."""

    def __init__(self, idf: Tensor) -> None:
        super().__init__()
        self.register_buffer("idf", idf)
        self.scale = nn.Parameter(torch.zeros_like(idf))
        self.raw_vectors = nn.Parameter(torch.randn(len(idf), DIMENSION))

    def importance(self) -> Tensor:
        """[vocab], zero for special tokens."""
        return self.idf * self.scale.exp()

    def forward(self, batch: Batch) -> Tensor:
        """Share of the query's importance that found a partner, [queries, documents] in 0..1."""
        (query_ids, query_mask), (ids, mask) = batch.queries, batch.documents
        vectors = nn.functional.normalize(self.raw_vectors, dim=1)
        asked = self.importance()[query_ids] * query_mask
        partners = nn.functional.embedding(ids, vectors) * (mask * (self.idf[ids] > 0)).unsqueeze(2)
        wanted = nn.functional.embedding(query_ids, vectors)
        best = torch.einsum("qid,njd->qnij", wanted, partners).amax(dim=3).clamp(min=0.0)
        return (best * asked.unsqueeze(1)).sum(dim=2) / asked.sum(dim=1, keepdim=True).clamp(min=1e-6)

    def freeze(self) -> CrossEncoder:
        """The deployable model."""
        vectors = nn.functional.normalize(self.raw_vectors, dim=1)
        return CrossEncoder(vectors.detach(), self.importance().detach())


def cross_loss(learner: CrossLearner, batch: Batch) -> Tensor:
    """Tell each query's answer from near misses and other answers."""
    scores = 2.0 * SCORE_SCALE * learner(batch)
    return nn.functional.cross_entropy(scores.masked_fill(batch.excluded, -1e4), batch.targets)
