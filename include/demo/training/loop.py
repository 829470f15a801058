"""The training loop that the three models share: a few hundred steps of Adam with a falling learning rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from tqdm import tqdm

from demo.training.batches import Batch, make_batch
from demo.training.examples import Example

Learner = TypeVar("Learner", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn."""

    steps: int
    queries_per_step: int
    first_rate: float
    last_rate_share: float = 0.02

    def rate(self, step: int) -> float:
        """Learning rate of a step: falls in a straight line."""
        return self.first_rate * max(self.last_rate_share, 1.0 - step / self.steps)


def train(
    learner: Learner,
    loss_of: Callable[[Learner, Batch], Tensor],
    tokenizer: Tokenizer,
    pool: Sequence[Example],
    schedule: Schedule,
) -> Learner:
    """Train in place, each step on other examples of the pool, and return the learner."""
    rng = Random(schedule.steps)
    optimizer = torch.optim.Adam(learner.parameters(), lr=schedule.first_rate)
    with tqdm(range(schedule.steps), desc=type(learner).__name__, disable=None) as steps:
        for step in steps:
            optimizer.param_groups[0]["lr"] = schedule.rate(step)
            batch = make_batch(tokenizer, rng.sample(pool, schedule.queries_per_step))
            loss = loss_of(learner, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps.set_postfix(loss=f"{loss.item():.3f}")
    return learner
