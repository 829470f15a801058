"""A part with more refusals than a build may have ends with what the cluster said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from fake_opensearch import fake_cluster
from plan_help import add_vectors, config_at, planned, row, write
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.folder import letters_path
from sparse_index.errors import BuildError
from sparse_index.index.part import index_part
from sparse_index.store.files import Store


def bulk(method: str, path: str, body: bytes) -> dict[str, Any]:
    """Refuses the price of d2."""
    ids = [orjson.loads(line)["index"]["_id"] for line in body.splitlines()[::2]]
    refusal = {"type": "mapper_parsing_exception", "reason": "failed to parse field [price] of type [long]"}
    items = [{"_id": id_, "status": 201, "result": "created"} for id_ in ids]
    return {"items": [{"index": {"status": 400, "error": refusal} if item["_id"] == "d2" else item} for item in items]}


def test_too_many_refusals_are_told_with_the_last_one_and_kept(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits={"max_dead_letters": 0})
    write(tmp_path / "corpus", [row(number) for number in range(4)])
    store, plan = Store(config.store), planned(config)
    add_vectors(config, plan)
    (part,) = plan.index_parts
    reason = (
        r"1 documents of one part cannot be indexed.* id d2, mapper_parsing_exception: failed to parse field \[price\]"
    )
    with pytest.raises(BuildError, match=reason):
        index_part(fake_cluster(bulk), store, plan, part)
    (letter,) = read_letters(store, letters_path(plan, "index", part.number))
    assert (letter.id, letter.error_class) == ("d2", "mapper_parsing_exception")
    assert orjson.loads(letter.source)["title"] == "title 2"


def test_a_part_with_as_many_as_are_allowed_ends_well(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits={"max_dead_letters": 1})
    write(tmp_path / "corpus", [row(number) for number in range(4)])
    store, plan = Store(config.store), planned(config)
    add_vectors(config, plan)
    result = index_part(fake_cluster(bulk), store, plan, plan.index_parts[0])
    assert (result.indexed, result.dead_letters) == (3, 1)
