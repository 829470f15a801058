"""The sparse encoder: which words a text says, and which related words it could have said.

Every token has an importance and a few associated tokens. A related word is added when the tokens of a window of
three together speak for it ("money back" -> "refund", but neither word alone). Associations start as the
identity: training may only strengthen a short list of candidates, which keeps every expansion readable.
"""

from typing import Final

import torch
from torch import Tensor, nn


class SparseEncoder(nn.Module):  # type: ignore[misc]
    """What is deployed: a frozen, compact form of what training learned.

    importance  [vocab] float16; neighbours [vocab, k] int16 token ids; strengths [vocab, k] float16 in [0, 1).
    """

    threshold: Final[float]
    ceiling: Final[float]
    min_ratio: Final[float]
    max_tokens: Final[int]

    def __init__(self, importance: Tensor, neighbours: Tensor, strengths: Tensor, shape: dict[str, float]) -> None:
        super().__init__()
        self.register_buffer("importance", importance.half())
        self.register_buffer("neighbours", neighbours.short())
        self.register_buffer("strengths", strengths.half())
        self.threshold = shape["threshold"]
        self.ceiling = shape["ceiling"]
        self.min_ratio = shape["min_ratio"]
        self.max_tokens = int(shape["max_tokens"])

    def forward(self, input1: dict[str, Tensor]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` [batch, length] -> `output` [batch, vocab], zero for absent tokens."""
        ids, mask = input1["input_ids"].long(), input1["attention_mask"].float()
        importance = self.importance.float()
        own = importance[ids] * mask
        batch, length, vocab = ids.shape[0], ids.shape[1], importance.shape[0]
        spread = torch.zeros(batch, length, vocab)
        spread.scatter_add_(2, self.neighbours[ids].long(), self.strengths.float()[ids] * own.unsqueeze(2))
        related = related_weights(spread, own, self.threshold, self.ceiling)
        said = torch.zeros(batch, vocab).scatter_add_(1, ids, mask).clamp(max=1.0) * importance
        weights = torch.log1p(torch.maximum(said, related) * (importance > 0).float())
        return {"output": self._cut(weights)}

    def _cut(self, weights: Tensor) -> Tensor:
        largest = weights.amax(dim=1, keepdim=True)
        kept = weights.topk(min(self.max_tokens, weights.shape[1]), dim=1).values[:, -1:]
        return torch.where((weights >= largest * self.min_ratio) & (weights >= kept), weights, 0.0 * weights)


def related_weights(spread: Tensor, own: Tensor, threshold: float, ceiling: float) -> Tensor:
    """Evidence summed over windows of three tokens; always below the most important word of its window."""
    left = nn.functional.pad(spread, (0, 0, 1, 1))
    evidence = left[:, :-2] + spread + left[:, 2:] - threshold
    strongest = nn.functional.max_pool1d(own.unsqueeze(1), 3, 1, 1).squeeze(1)
    return torch.minimum(evidence.clamp(min=0.0), ceiling * strongest.unsqueeze(2)).amax(dim=1)
