"""Whether the indices of an alias are in a state that lets a run begin: the live one open and not read-only, the name free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sparse_index.cluster.client import Cluster, Json
from sparse_index.errors import SparseIndexError
from sparse_index.live.alias import observe_alias
from sparse_index.live.attached import Attached
from sparse_index.names import candidate_pattern

# With one of these neither the alias can leave the index nor can it be deleted.
_BLOCKS = ("read_only", "read_only_allow_delete", "metadata")
_METADATA_BLOCK = "index metadata (api)"


@dataclass(frozen=True)
class IndexStates:
    """`problems` keep a run from beginning, `warnings` concern generations and candidates that are not live."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def index_states(cluster: Cluster, alias: str) -> IndexStates:
    """What is wrong with the alias and the indices of its candidates, closed ones too, in words."""
    try:
        settings = _settings(cluster, alias)
    except SparseIndexError as error:
        if _METADATA_BLOCK not in error.reason:
            raise
        return IndexStates((_metadata_blocked(alias, error.reason),))
    streams = sorted(name for name in settings if name.startswith(f".ds-{alias}-"))
    if streams:
        return IndexStates((_data_stream(alias, streams[0]),))
    live = observe_alias(cluster, alias).require_sound().index
    problems = tuple(_states(live, settings.get(live, {}))) if live else ()
    others = sorted(set(settings) - {live})
    return IndexStates(problems, tuple(words for name in others for words in _states(name, settings[name])))


def _settings(cluster: Cluster, alias: str) -> dict[str, Json]:
    """Name -> settings of every index behind the alias or with the name of a candidate."""
    names = f"{alias},{candidate_pattern(alias)}"
    answer: Json = cluster.get(
        f"/{names}/_settings", expand_wildcards="all", ignore_unavailable="true", flat_settings="true"
    )
    return {name: index["settings"] for name, index in answer.items()}


def _states(index: str, settings: Json) -> Iterator[str]:
    if Attached(settings=settings).is_closed:
        yield f"{index} is closed: it can be neither searched nor cloned nor counted. Open it: POST /{index}/_open"
    for block in _BLOCKS:
        if settings.get(f"index.blocks.{block}") == "true":
            yield f"{index} has index.blocks.{block}: {_unblock(index, block)}"


def _unblock(index: str, block: str) -> str:
    return (
        "it can be neither taken out of its alias nor given another setting. Take the block away: "
        f'PUT /{index}/_settings {{"index.blocks.{block}": null}}'
    )


def _metadata_blocked(alias: str, reason: str) -> str:
    index = reason.partition("index [")[2].partition("]")[0] or f"<index of {alias}>"
    return f"{index} has index.blocks.metadata: {_unblock(index, 'metadata')}"


def _data_stream(alias: str, backing: str) -> str:
    return (
        f"'{alias}' is the name of a data stream ({backing} is one of its indices), so it cannot be an alias. Give the corpus "
        f"another alias, or delete the data stream: DELETE /_data_stream/{alias}"
    )
