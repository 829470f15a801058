"""What a corpus's DAG keeps up to date, as Airflow's assets name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from sparse_index.addresses import public_address

if TYPE_CHECKING:
    from sparse_index.config.corpus import CorpusConfig

GROUP = "search index"
# Sections of the corpus file that say how it is searched.
_SEARCHED = {"alias", "connection", "encoder", "index", "kind", "query", "search", "source", "store", "vectors"}
_PLACES, _ELSEWHERE, _DAY = ("uri", "path"), "elsewhere", "{data_date}"


def search_index(corpus: str, config: CorpusConfig) -> Asset:
    """The search index of a corpus. Its `extra` says where corpus, store and cluster are, and how it is searched: whoever may
    read the DAG may read it, so no address in it has a secret."""
    return Asset(
        config.alias,
        f"x-opensearch://{config.alias}",
        group=GROUP,
        extra={
            "corpus": corpus,
            "store": public_address(config.store),
            "connection": config.connection,
            "owner": config.owner,
            "searched": _searched(config),
        },
    )


def _searched(config: CorpusConfig) -> dict[str, Any]:
    """A mapping names no place of a file: the `path` of a field in it is another field."""
    said = config.model_dump(mode="json", include=_SEARCHED, exclude_defaults=True)
    return {name: value if name == "index" else _without_places(value) for name, value in said.items()}


def _without_places(said: Any) -> Any:
    """Not where files are: a search reads none, and another checkout of the same files is the same version of a DAG."""
    if isinstance(said, dict):
        return {name: _elsewhere(name, value) for name, value in said.items()}
    return [_without_places(each) for each in said] if isinstance(said, list) else said


def _elsewhere(name: str, value: Any) -> Any:
    """A column may be called like a place; what is said of it is no word. The address of a feed has to name a day."""
    if name not in _PLACES or not isinstance(value, str):
        return _without_places(value)
    return _ELSEWHERE + (f"/{_DAY}" if _DAY[:-1] in value else "")


def tell(context: Any, outlets: list[Any], news: dict[str, Any]) -> None:
    """Put `news` on the event of each asset that the task brings up to date."""
    for asset in outlets:
        context["outlet_events"][asset].extra.update(news)
