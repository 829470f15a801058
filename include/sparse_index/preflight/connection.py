"""What answers: is it an OpenSearch, recent enough, with the plugins that are needed, and may we use it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.errors import AccessError, ConfigError
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.permissions import missing_permissions
from sparse_index.vectors.kind import VectorKind
from sparse_index.vectors.kinds import vector_kinds

OLDEST = (2, 19, 0)
SECURITY = "opensearch-security"
ML_PLUGIN = "opensearch-ml"


def check_version(findings: Findings, root: Json) -> str:
    """One line about the cluster, from the answer to `GET /`."""
    version = root.get("version", {})
    number, distribution = str(version.get("number", "?")), str(version.get("distribution", "unknown"))
    if distribution != "opensearch":
        findings.problem(
            f"'{root.get('cluster_name')}' is no OpenSearch (distribution {distribution}, version {number}). "
            "Correct host and port of the connection.",
            ConfigError,
        )
    elif parse_version(number) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        findings.problem(
            f"OpenSearch {number} is too old: {oldest} or later is needed. Upgrade the cluster.", ConfigError
        )
    return f"'{root.get('cluster_name')}', {distribution} {number}"


def parse_version(number: str) -> tuple[int, ...]:
    """(2, 19, 1) for "2.19.1" and for "2.19.1-SNAPSHOT"."""
    return tuple(int(part) for part in re.findall(r"\d+", number.partition("-")[0]))


def installed_plugins(cluster: Cluster) -> dict[str, list[str]]:
    """Plugin -> names of the nodes that lack it. A node that has no plugin at all is not told of."""
    there = {(str(row["component"]), str(row["name"])) for row in cluster.get("/_cat/plugins", format="json")}
    nodes = sorted({node for _, node in there})
    return {plugin: [node for node in nodes if (plugin, node) not in there] for plugin, _ in there}


def _without(plugins: Mapping[str, Sequence[str]], plugin: str) -> str:
    """The nodes that lack it; "" where all have it."""
    return ", ".join(plugins.get(plugin, ["any node"]))


def check_plugins(findings: Findings, plugins: Mapping[str, Sequence[str]], config: CorpusConfig) -> None:
    """`plugins`: see `installed_plugins`."""
    nodes = _without(plugins, ML_PLUGIN)
    if nodes:
        findings.problem(
            f"The plugin {ML_PLUGIN} is not installed on {nodes}, and models need it on every node. "
            f"Install it there (bin/opensearch-plugin install {ML_PLUGIN}) and restart.",
            ConfigError,
        )
    lacking: dict[str, dict[str, VectorKind]] = {}
    for name, kind in vector_kinds(config).items():
        if _without(plugins, kind.query_plugin):
            lacking.setdefault(kind.query_plugin, {})[name] = kind
    for plugin, fields in lacking.items():
        nodes = _without(plugins, plugin)
        unmade = ", ".join(f"vectors.{name}" for name, kind in fields.items() if kind.index_settings)
        if unmade:
            findings.problem(
                f"The plugin {plugin} is not installed on {nodes}, so no index with {unmade} can be made. Install it on every "
                f"node (bin/opensearch-plugin install {plugin}) and restart them.",
                ConfigError,
            )
        else:
            words = ", ".join(sorted({f"`{kind.query_word}`" for kind in fields.values()}))
            findings.warning(
                f"The plugin {plugin} is not installed on {nodes}: building works, but {words} queries will not."
            )


def check_permissions(findings: Findings, cluster: Cluster, config: CorpusConfig) -> None:
    missing = missing_permissions(cluster, config)
    findings.permissions_named = frozenset(missing)
    if missing:
        findings.problem(
            f"The user of connection '{config.connection}' lacks {len(missing)} permission(s): {', '.join(missing)}. Give it "
            f"the role sparse_index_build for '{config.alias}' (include/sparse_index/roles/build.yaml, docs/security.md).",
            AccessError,
        )
