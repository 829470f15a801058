"""How many mapped tasks a plan asks for: few for little work, none too large, and no more than Airflow maps."""

from __future__ import annotations

import pytest

from build_plans import corpus_config
from sparse_index.errors import BuildError
from sparse_index.plan.decide import part_count

CONFIG = corpus_config("things", source={"max_shards": 4})


@pytest.mark.parametrize(
    ("items", "parts"),
    [(0, 0), (1, 1), (2_000, 1), (2_001, 2), (400_000, 4), (400_001, 5), (100_000_000, 1_000)],
)
def test_parts_are_as_few_as_asked_for_and_never_too_large(items: int, parts: int) -> None:
    assert part_count(CONFIG, items) == parts


def test_more_parts_than_airflow_maps_are_refused() -> None:
    with pytest.raises(BuildError, match=r"'things': 100000001 items are 1001 parts .* divide the corpus"):
        part_count(CONFIG, 100_000_001)
