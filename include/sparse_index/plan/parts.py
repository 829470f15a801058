"""How a plan's work is shared out among mapped tasks: few for little work, none too large, no more than Airflow maps."""

from __future__ import annotations

from collections.abc import Iterator

from sparse_index.builds.plan import Part, Plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import BuildError
from sparse_index.store.layout import PARTS

PART_ITEMS = 2_000
# What one task can do within its time and memory, and (a little below) how many tasks Airflow maps by default.
LARGEST_PART_ITEMS = 100_000
MOST_PARTS = 1_000


def encode_parts(plan: Plan) -> list[Part]:
    """Of the texts of all vector fields together; none where nothing is to be encoded."""
    shares = enumerate(_shares(plan.config, plan.counts.texts_to_encode, "texts to encode"))
    return [Part(number=number, path=_path(plan, "encode", number), items=share) for number, share in shares]


def index_parts(plan: Plan, writes: int) -> list[Part]:
    """At least one: a feed's day may change nothing but dates, and the candidate is made and counted all the same."""
    shares = enumerate(_shares(plan.config, writes, "documents to write", least=1))
    return [Part(number=number, path=_path(plan, "index", number), items=share) for number, share in shares]


def part_count(config: CorpusConfig, items: int, what: str) -> int:
    """Parts of 2,000 items, as many as `source.max_shards` at most, unless they would be too large; BuildError beyond 1,000,
    that says `what` the items are."""
    count = max(min(-(-items // PART_ITEMS), config.source.max_shards), -(-items // LARGEST_PART_ITEMS))
    if count > MOST_PARTS:
        raise BuildError(
            f"'{config.alias}': {items} {what} are {count} parts of {LARGEST_PART_ITEMS}, and a run maps {MOST_PARTS} tasks at "
            "most. Nothing was changed; divide the corpus among several aliases by a hash of the id (docs/scale.md), or begin "
            "with a part of it."
        )
    return count


def _shares(config: CorpusConfig, items: int, what: str, least: int = 0) -> Iterator[int]:
    """Even ones, that together are `items`."""
    count = max(least, part_count(config, items, what))
    return ((number + 1) * items // count - number * items // count for number in range(count))


def _path(plan: Plan, stage: str, number: int) -> str:
    return f"{plan.folder}/{PARTS}/{stage}-{number:05d}.parquet"
