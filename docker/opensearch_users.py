"""Give the cluster its accounts: administrator, Dashboards' own, and the DAGs' two with least privilege.

Speaks to the security API with the administrator's certificate, so no password has to exist beforehand. Safe to
repeat: it sets what `.env` says. The roles come from include/sparse_index/roles/; only their index patterns are
replaced by the aliases in OPENSEARCH_BUILD_ALIASES.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparse_index.cluster.client import Cluster, ConnectionSettings
from sparse_index.roles import role_bodies

API = "/_plugins/_security/api"
BUILD_ROLE, SERVE_ROLE = "sparse_index_build", "sparse_index_serve"
ROLES = (BUILD_ROLE, SERVE_ROLE)


def administrator(environment: Mapping[str, str]) -> ConnectionSettings:
    folder = Path(environment["OPENSEARCH_CERTIFICATES"])
    return ConnectionSettings(
        host=environment["OPENSEARCH_HOST"],
        port=int(environment.get("OPENSEARCH_PORT", "9200")),
        ca_certs=str(folder / "ca.pem"),
        client_cert=str(folder / "admin.pem"),
        client_key=str(folder / "admin.key"),
    )


def accounts(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Path below the security API -> body, in the order they are put."""
    aliases = [alias.strip() for alias in environment["OPENSEARCH_BUILD_ALIASES"].split(",") if alias.strip()]
    return {
        "internalusers/admin": {"password": environment["OPENSEARCH_ADMIN_PASSWORD"], "backend_roles": ["admin"]},
        "internalusers/kibanaserver": {"password": environment["OPENSEARCH_DASHBOARDS_PASSWORD"]},
        f"internalusers/{BUILD_ROLE}": {"password": environment["OPENSEARCH_BUILD_PASSWORD"]},
        f"internalusers/{SERVE_ROLE}": {"password": environment["OPENSEARCH_SERVE_PASSWORD"]},
        **{f"roles/{name}": role_bodies(*aliases)[name] for name in ROLES},
        **{f"rolesmapping/{name}": {"users": [name]} for name in ROLES},
    }


def main(environment: Mapping[str, str]) -> int:
    cluster = Cluster.connect(administrator(environment))
    try:
        for path, body in accounts(environment).items():
            cluster.put(f"{API}/{path}", body)
            sys.stdout.write(f"Set {path}.\n")
    finally:
        cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
