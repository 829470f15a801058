"""The shipped build role needs nothing that another role happens to lend."""

from __future__ import annotations

from pathlib import Path

import yaml

ROLE = Path(__file__).parents[3] / "include" / "sparse_index" / "roles" / "build.yaml"
# Asked of the whole cluster, before any index is looked at; seen as 403 on 2.19.1 when they were missing.
NEEDED = {
    "indices:data/write/bulk",  # POST /_bulk; the role `own_index` lends it where every user has that role
    "indices:admin/index_template/simulate_index",  # creation/templates.py
    "indices:admin/template/get",
}


def test_the_build_role_stands_alone() -> None:
    role = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["sparse_index_build"]
    assert NEEDED - set(role["cluster_permissions"]) == set()
