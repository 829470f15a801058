"""Policies of Index State Management that would take hold of a candidate by its name."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import AccessError
from sparse_index.names import candidate_name

POLICIES_PLUGIN = "opensearch-index-management"
_PERMISSION = "cluster:admin/opendistro/ism/policy/search"
# Asked without a number, the plugin gives the first 20.
_ALL = 10_000


def policy_warnings(cluster: Cluster, alias: str) -> list[str]:
    """A policy may close, shrink, roll over or delete an index behind our back; no setting of the index keeps it away."""
    try:
        answer: Json = cluster.get(f"/_plugins/_ism/policies?size={_ALL}")
    except AccessError:
        return [f"whether a policy of Index State Management matches '{alias}--b*' may not be asked ({_PERMISSION})"]
    candidate = candidate_name(alias, "20260101t000000-abcdef")
    names = [str(policy["_id"]) for policy in answer.get("policies", []) if _matches(policy["policy"], candidate)]
    return [
        f"the policy '{name}' of Index State Management takes hold of every new index of '{alias}': it may close or delete the "
        f"live one. Exclude '{alias}--b*' in its ism_template (GET /_plugins/_ism/policies/{name})."
        for name in names
    ]


def _matches(policy: Json, index: str) -> bool:
    templates = policy.get("ism_template") or []
    patterns = [pattern for template in templates for pattern in template.get("index_patterns", [])]
    excluded = any(fnmatchcase(index, pattern[1:]) for pattern in patterns if pattern.startswith("-"))
    return not excluded and any(fnmatchcase(index, pattern) for pattern in patterns if not pattern.startswith("-"))
