"""The alias: the only truth about what is live. Plan, promote, rollback and janitor all read it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import BuildError


@dataclass(frozen=True)
class AliasState:
    """`members`: the indices behind the alias. `taken_by_index`: an index itself has the alias's name.

    `aliases`: everything that points to the one live index, this alias and those of others: name -> properties (filter,
    routing, ...) as `_aliases` takes them.
    """

    alias: str
    members: tuple[str, ...]
    taken_by_index: bool = False
    aliases: Mapping[str, Json] = field(default_factory=dict)

    @property
    def index(self) -> str | None:
        """The one live index; None when there is none (or more than one: see `require_sound`)."""
        return self.members[0] if len(self.members) == 1 else None

    def require_sound(self) -> AliasState:
        """This state, when at most one index is behind the alias and the name is free for one."""
        if self.taken_by_index:
            raise BuildError(
                f"'{self.alias}' is the name of an index, so it cannot be an alias. Reindex it under another name and "
                "delete it, or give the corpus another alias."
            )
        if len(self.members) > 1:
            raise BuildError(
                f"Alias '{self.alias}' points to {len(self.members)} indices ({', '.join(self.members)}); exactly one is "
                "allowed. Remove the wrong ones from the alias (POST /_aliases), then run again."
            )
        return self


def observe_alias(cluster: Cluster, alias: str) -> AliasState:
    """Who is behind `alias` now, closed or not.

    Asks `/<alias>/_alias`: `/_alias/<alias>` is refused to roles limited to index patterns."""
    answer: Json = cluster.find(f"/{alias}/_alias") or {}
    if alias in answer:
        return AliasState(alias, (), taken_by_index=True)
    members = tuple(sorted(name for name, index in answer.items() if alias in index["aliases"]))
    return AliasState(alias, members, aliases=answer[members[0]]["aliases"] if len(members) == 1 else {})
