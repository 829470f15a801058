"""Accounts on the secure server, made from roles, on a cluster that lends nobody anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import orjson

from local_cluster import LocalCluster
from sparse_index.cluster.client import Cluster, ConnectionSettings

API = "/_plugins/_security/api"
ACCESS_CONTROL = "plugins.ml_commons.model_access_control_enabled"
Role = dict[str, Any]


def without_own_index(admin: Cluster) -> None:
    """Take away the default mapping that gives every user the role `own_index`, and bulk and multi-get with it."""
    admin.remove(f"{API}/rolesmapping/own_index")


@contextmanager
def hardened(admin: Cluster) -> Iterator[Cluster]:
    """No role is lent, and within the block models are private."""
    without_own_index(admin)
    admin.put("/_cluster/settings", {"persistent": {ACCESS_CONTROL: True}})
    yield admin
    admin.put("/_cluster/settings", {"persistent": {ACCESS_CONTROL: None}})


def accounts(server: LocalCluster, admin: Cluster, roles: Mapping[str, Role]) -> dict[str, Cluster]:
    """Name -> the cluster as a new user sees it who has that role and nothing else."""
    return {name: Cluster.connect(settings) for name, settings in logins(server, admin, roles).items()}


def logins(server: LocalCluster, admin: Cluster, roles: Mapping[str, Role]) -> dict[str, ConnectionSettings]:
    """Name -> how a new user gets in who has that role and nothing else.

    All at once: every single change makes the server read its whole security configuration again.
    """
    mark = uuid4().hex[:6]
    users = {name: f"{name}-{mark}" for name in roles}
    password = f"a-Long-{uuid4().hex}"
    _add(admin, "roles", {users[name]: role for name, role in roles.items()})
    _add(admin, "internalusers", {user: {"password": password} for user in users.values()})
    _add(admin, "rolesmapping", {user: {"users": [user]} for user in users.values()})
    return {name: login(server, user, password) for name, user in users.items()}


def _add(admin: Cluster, kind: str, things: Mapping[str, object]) -> None:
    patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in things.items()]
    admin.request("PATCH", f"{API}/{kind}", orjson.dumps(patch))


def login(server: LocalCluster, username: str | None, password: str | None, **changes: Any) -> ConnectionSettings:
    settings: dict[str, Any] = {"host": server.host, "port": server.port, "ca_certs": str(server.ca_certs)} | changes
    return ConnectionSettings(username=username, password=password, **settings)


def less(role: Role, *permissions: str) -> Role:
    """`role` without these lines, each of which it must have had."""
    rule = role["index_permissions"][0]
    lines = [*role["cluster_permissions"], *rule["allowed_actions"]]
    if unknown := set(permissions) - set(lines):
        raise ValueError(f"the role has no {unknown}")
    actions = [line for line in rule["allowed_actions"] if line not in permissions]
    return {
        "cluster_permissions": [line for line in role["cluster_permissions"] if line not in permissions],
        "index_permissions": [rule | {"allowed_actions": actions}],
    }
