"""The index behind the alias, looked at once: a search asks it by its own name, so that a switch meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparse_index.cluster.client import Cluster, Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.search import LARGEST_PAGE
from sparse_index.errors import AccessError, ConfigError
from sparse_index.live.attached import Attached, attached_of, named_pipeline
from sparse_index.live.meta import Meta, meta_in


@dataclass(frozen=True)
class Target:
    """`name`: what is asked. `filters`: queries that stand inside every side, the alias's own. `known`: False where the login
    may search and nothing else; then the alias itself is asked, and the rest is as by default."""

    name: str
    filters: tuple[Json, ...] = ()
    attached: Attached = field(default_factory=Attached)
    known: bool = True

    @property
    def mapping(self) -> Mapping[str, Any]:
        return self.attached.mapping

    @property
    def meta(self) -> Meta | None:
        return meta_in(self.attached.mapping)

    @property
    def shards(self) -> int:
        return self.attached.shape.shards

    @property
    def largest_page(self) -> int:
        return self.attached.largest_page if self.known else LARGEST_PAGE

    @property
    def pipeline(self) -> str | None:
        """Its default search pipeline."""
        return named_pipeline(self.attached.settings)


def observe_target(cluster: Cluster, config: CorpusConfig, index: str | None) -> Target:
    """What is live, or `index` as a whole: the alias's filter belongs to the alias. ConfigError where nothing is there."""
    name = index or config.alias
    try:
        found: Json | None = cluster.find(f"/{name}", flat_settings="true", human="true")
    except AccessError as error:
        if error.status == 401:
            raise
        return Target(name, known=False)
    if found is None:
        raise ConfigError(
            f"'{name}' does not exist: there is nothing to search. Build the index first, or correct the name."
        )
    if len(found) > 1:
        raise ConfigError(f"'{name}' is {len(found)} indices ({', '.join(sorted(found))}): name one of them.")
    ((physical, body),) = found.items()
    attached = attached_of(body)
    own = attached.aliases.get(name, {}).get("filter")
    return Target(physical, (own,) if own else (), attached)
