"""Many aliases in one request, of which a server refuses the whole because of one."""

from __future__ import annotations

from typing import Any

import pytest

from fake_opensearch import fake_cluster, http_error
from sparse_index.cluster.client import Cluster
from sparse_index.console.batches import AT_ONCE
from sparse_index.console.costs import index_bytes
from sparse_index.console.live import live_indices
from sparse_index.errors import AccessError

ALIASES = [f"a{number}" for number in range(2 * AT_ONCE)]


def refusing(*hidden: str) -> tuple[Cluster, list[str]]:
    """What is asked for with one of the `hidden` is refused; and what was asked."""
    asked: list[str] = []

    def answer(method: str, path: str, _: Any) -> Any:
        asked.append(path)
        names = [name.removesuffix("--b*") for name in path.removesuffix("/_stats/store")[1:].split(",")]
        if set(names) & set(hidden):
            raise http_error(403, "security_exception", "no permissions for [indices:admin/get]")
        if path.endswith("_stats/store"):
            size = {"total": {"store": {"size_in_bytes": 7}}}
            return {"indices": {f"{name}--b20261101t000000-000000": size for name in names}}
        return {f"{name}--b1": {"aliases": {name: {}}} for name in names}

    return fake_cluster(answer), asked


@pytest.mark.parametrize("ask", [live_indices, index_bytes])
def test_an_alias_that_may_not_be_read_is_refused_alone(ask: Any) -> None:
    cluster, asked = refusing("a3", "a5")
    answers = ask(cluster, ALIASES)
    assert set(answers.refused) == {"a3", "a5"}
    assert "permission missing" in answers.refused["a3"].message
    assert list(answers.found) == [alias for alias in ALIASES if alias not in ("a3", "a5")]
    assert len(asked) < AT_ONCE


def test_a_refused_login_is_asked_once() -> None:
    def answer(method: str, path: str, _: Any) -> Any:
        asked.append(path)
        raise http_error(401, "security_exception")

    asked: list[str] = []
    with pytest.raises(AccessError):
        live_indices(fake_cluster(answer), ALIASES)
    assert len(asked) == 1
