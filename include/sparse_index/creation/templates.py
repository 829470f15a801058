"""Index templates of the cluster: what an index would get from them behind our back, by its name alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sparse_index.cluster.client import Cluster, Json, flat
from sparse_index.creation.neutral import not_taken_over, unshakable


@dataclass(frozen=True)
class FromTemplates:
    """What templates give an index of one name: settings by their full names, and aliases. `source` names the templates."""

    source: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    def problems(self, alias: str) -> Iterator[str]:
        """What keeps a candidate of `alias` from being made, in words."""
        if alias in self.aliases:
            yield (
                f"{self.source} would put every new index of '{alias}' behind that alias before it has any document. Take "
                f"'{alias}' out of the template's aliases, or narrow its index patterns."
            )
        stuck = unshakable(self.settings)
        if stuck:
            yield (
                f"{self.source} sets {', '.join(stuck)} on every new index of '{alias}', which changes how all its texts are "
                "searched and cannot be taken away from a single index. Narrow the template's index patterns."
            )

    def notes(self) -> Iterator[str]:
        """What a candidate does not take from templates, in words."""
        settings = not_taken_over(self.settings)
        if settings:
            yield f"{self.source} sets {', '.join(settings)}: the index does not take that over"
        if self.aliases:
            yield f"{self.source} sets the alias(es) {', '.join(self.aliases)}: a candidate is taken out of them at once"


def observe_templates(cluster: Cluster, index: str) -> FromTemplates:
    """Composable templates are asked with `_simulate_index`, which knows nothing of legacy ones (`_template`); those count
    only where no composable one matches."""
    simulated: Json = cluster.post(f"/_index_template/_simulate_index/{index}")
    if "template" in simulated:
        return _from("An index template (POST /_index_template/_simulate_index/" + index + ")", simulated["template"])
    legacy = _legacy(cluster, index)
    merged: Json = {"settings": {}, "aliases": {}}
    for template in legacy.values():
        merged = {part: merged[part] | template.get(part, {}) for part in merged}
    return _from(f"Legacy template {' and '.join(repr(name) for name in legacy)}", merged)


def _from(source: str, template: Json) -> FromTemplates:
    return FromTemplates(source, flat(template.get("settings", {})), tuple(template.get("aliases", {})))


def _legacy(cluster: Cluster, index: str) -> dict[str, Json]:
    """Legacy templates that match, by name, in the order in which they apply."""
    templates: Json = cluster.find("/_template", flat_settings="true") or {}
    ordered = sorted(templates.items(), key=lambda item: int(item[1].get("order", 0)))
    return {name: template for name, template in ordered if _matches(template, index)}


def _matches(template: Json, index: str) -> bool:
    return any(fnmatchcase(index, pattern) for pattern in template.get("index_patterns", []))
