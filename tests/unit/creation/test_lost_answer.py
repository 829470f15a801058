"""An index that is there already, because a first answer got lost: its shards are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from opensearchpy.exceptions import TransportError

from fake_opensearch import fake_cluster, http_error
from sparse_index.creation.create import create_index
from sparse_index.errors import BuildError

BODY: dict[str, Any] = {"settings": {}, "mappings": {}, "aliases": {}}


class Server:
    """Has the index already; `placed`: whether a node took its shards. `asked` counts looks at its health."""

    def __init__(self, placed: bool) -> None:
        self.placed, self.asked, self.deleted = placed, 0, list[str]()
        self.settings: dict[str, str] = {}

    def __call__(self, method: str, path: str, body: Any) -> Any:
        if method == "PUT":
            self.settings = {
                f"index.{name.removeprefix('index.')}": str(value).lower()
                for name, value in body["settings"].items()
                if value is not None
            }
            raise http_error(400, "resource_already_exists_exception", "index [x] already exists")
        if path.startswith("/_cluster/health"):
            self.asked += 1
            if not self.placed and self.asked == 1:
                raise TransportError(408, "timed out", {"timed_out": True, "status": "red"})
            return {"status": "yellow", "indices": {"x": {"shards": {}}}}
        if method == "DELETE":
            self.deleted.append(path)
        return {"x": {"settings": self.settings, "mappings": {}, "aliases": {}}}


def test_one_that_has_its_shards_is_taken() -> None:
    server = Server(placed=True)
    create_index(fake_cluster(server, attempts=8), "x", "things", BODY)
    assert (server.asked, server.deleted) == (1, [])


def test_one_whose_shards_no_node_takes_is_deleted_at_once() -> None:
    server = Server(placed=False)
    with pytest.raises(BuildError, match=r"The shards of x found no node within \d+ s"):
        create_index(fake_cluster(server, attempts=8), "x", "things", BODY)
    assert server.deleted == ["/x"]
    assert server.asked <= 2, "what is told is believed at once"
