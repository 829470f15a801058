"""Index templates of the cluster that would change a new candidate behind our back."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sparse_index.cluster import Cluster, Json
from sparse_index.errors import BuildError, SparseIndexError


def require_harmless_templates(cluster: Cluster, index: str, alias: str) -> None:
    """Refuse to create `index` when a template would put it, still empty, behind `alias`.

    Composable templates are asked with `_simulate_index`, which does not know legacy ones (`_template`).
    """
    simulated: Json = cluster.post(f"/_index_template/_simulate_index/{index}").get("template", {})
    culprits = ["an index template"] if alias in simulated.get("aliases", {}) else []
    culprits += [f"legacy template '{name}'" for name in _legacy_culprits(cluster, index, alias)]
    if culprits:
        raise BuildError(
            f"{' and '.join(culprits)} would put the new index {index} behind alias '{alias}' before it has any "
            f"document. Take '{alias}' out of the template's aliases, or narrow its index patterns."
        )


def _legacy_culprits(cluster: Cluster, index: str, alias: str) -> list[str]:
    try:
        templates: Json = cluster.get("/_template")
    except SparseIndexError as error:
        if error.status == 404:
            return []
        raise
    return [
        name
        for name, template in templates.items()
        if alias in template.get("aliases", {})
        and any(fnmatchcase(index, pattern) for pattern in template.get("index_patterns", []))
    ]
