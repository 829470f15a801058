"""The dense encoder: the direction of a weighted sum of token vectors."""

import torch
from torch import Tensor, nn

from demo.training.batches import Batch

DIMENSION = 64
_TEMPERATURE = 0.05


class DenseEncoder(nn.Module):  # type: ignore[misc]
    """What is deployed. vectors [vocab, DIMENSION] float16; a token's importance is the length of its vector."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors.half())

    def forward(self, input1: dict[str, Tensor]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` [batch, length] -> `sentence_embedding` [batch, DIMENSION] of length 1."""
        mask = input1["attention_mask"].float().unsqueeze(2)
        total = (self.vectors[input1["input_ids"].long()].float() * mask).sum(dim=1)
        return {"sentence_embedding": nn.functional.normalize(total, dim=1)}


class DenseLearner(nn.Module):  # type: ignore[misc]
    """Starts with random directions as long as the token is rare; special tokens stay at zero."""

    def __init__(self, idf: Tensor) -> None:
        super().__init__()
        self.register_buffer("known", (idf > 0).float().unsqueeze(1))
        start = nn.functional.normalize(torch.randn(len(idf), DIMENSION), dim=1) * idf.unsqueeze(1)
        self.vectors = nn.Parameter(start)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors [batch, DIMENSION]."""
        total = (nn.functional.embedding(ids, self.vectors * self.known) * mask.unsqueeze(2)).sum(dim=1)
        return nn.functional.normalize(total, dim=1)

    def freeze(self) -> DenseEncoder:
        """The deployable model."""
        return DenseEncoder((self.vectors * self.known).detach())


def dense_loss(learner: DenseLearner, batch: Batch) -> Tensor:
    """Tell each query's answer from near misses and other answers by cosine."""
    scores = learner(*batch.queries) @ learner(*batch.documents).t() / _TEMPERATURE
    return nn.functional.cross_entropy(scores.masked_fill(batch.excluded, -1e4), batch.targets)
