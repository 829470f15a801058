"""Names that carry ownership: which alias and which build a thing in the cluster belongs to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

MARK = "sparse-index"
BUILD_ID = r"\d{8}T\d{6}-[0-9a-f]{6}"
# Index names are lower case; a build id is not, so the `T` is written small there.
_CANDIDATE = re.compile(rf"(?P<alias>.+)--b(?P<build_id>{BUILD_ID.replace('T', 't')})")
_GROUP = re.compile(rf"{MARK}--(?P<alias>.+)--b(?P<build_id>{BUILD_ID})")
SERVING_MARK = f"{MARK}-serving--"
# ML Commons finds no group by a name of more than 256 characters.
_MODEL_NAME_CHARS = 150
# How the id of a run begins that the command line made; and, before the id of the redrive, of one that a redrive made.
_BY_HAND, REDRIVES = "cli__", "redrive__"
_RERANKS = "--rerank"
_PIPELINE = re.compile(r"(?P<alias>.+)--q[0-9a-f]{12}")


@dataclass(frozen=True)
class Owner:
    """What a marked name says: the alias and the build it was made for."""

    alias: str
    build_id: str


def new_build_id(now: datetime, token: str, after: str | None = None) -> str:
    """`yyyymmddThhmmss-<6 hex>`; sorts by time, because three of the digits count the second's 4096ths. `token` gives
    the other three (a random uuid's, say).

    `after`: the id of a build that it must sort behind, whatever the clock of this machine says."""
    fraction = now.microsecond * 0x1000 // 1_000_000
    build_id = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{fraction:03x}{token[:3].lower()}"
    planned = build_time(after) if after is not None and after >= build_id else None
    return build_id if planned is None else new_build_id(planned + timedelta(seconds=1), token)


def build_time(build_id: str) -> datetime | None:
    """When the build was planned, to the second; None of what is no build id."""
    if re.fullmatch(BUILD_ID, build_id, re.ASCII) is None:
        return None
    try:
        return datetime.fromisoformat(build_id[:15]).replace(tzinfo=UTC)
    except ValueError:
        return None


def run_by_hand(now: datetime) -> str:
    """The id of a run of the command line, which no scheduler knows."""
    return f"{_BY_HAND}{now.isoformat(timespec='seconds')}"


def is_by_hand(run_id: str) -> bool:
    """Whether the command line made the run, or the redrive whose run it is."""
    return run_id.removeprefix(REDRIVES).startswith(_BY_HAND)


def is_older(build_id: str, now: datetime, than: timedelta) -> bool:
    """Whether the build was planned so long ago; False of what is no build id, whose age nobody knows."""
    planned = build_time(build_id)
    return planned is not None and now - planned > than


def candidate_name(alias: str, build_id: str) -> str:
    return f"{alias}--b{build_id.lower()}"


def candidate_pattern(alias: str) -> str:
    """The index pattern that holds every candidate and generation of `alias`."""
    return f"{alias}--b*"


def parse_candidate(index: str) -> Owner | None:
    """The owner a candidate's name claims; only together with `_meta.alias` does it decide anything."""
    match = _CANDIDATE.fullmatch(index)
    return Owner(match["alias"], match["build_id"].replace("t", "T")) if match else None


def write_alias(candidate: str) -> str:
    """The alias that bulk writes go through, so that a late one never re-creates a deleted index."""
    return f"{candidate}-w"


def group_name(alias: str, build_id: str) -> str:
    """The model group of one build: the mark by which teardown, preflight and janitor find its models."""
    return f"{group_prefix(alias)}{build_id}"


def group_prefix(alias: str) -> str:
    """What the model groups of all builds of `alias` begin with."""
    return f"{MARK}--{alias}--b"


def parse_group(name: str) -> Owner | None:
    match = _GROUP.fullmatch(name)
    return Owner(match["alias"], match["build_id"]) if match else None


def serving_group_name(model: str, content_sha256: str) -> str:
    """The model group of a model that queries need, called `model`, of that content: every corpus that needs the same one
    finds it by this name, and no build's group is ever called so."""
    return f"{serving_group_prefix(model)}{content_sha256[:12]}"


def serving_group_prefix(model: str) -> str:
    """What the serving groups of all models called `model` begin with, whatever their content."""
    return f"{SERVING_MARK}{model[:_MODEL_NAME_CHARS]}--"


def pipeline_name(alias: str, body: Mapping[str, Any]) -> str:
    """The search pipeline of `alias` with that body, named after its content: what does the same has the same name, on
    an ordinary day's new index too."""
    content = orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS)
    return f"{alias}--q{hashlib.sha256(content).hexdigest()[:12]}"


def pipeline_owner(name: str) -> str | None:
    """The alias whose search pipeline that is; None for one that is not ours."""
    match = _PIPELINE.fullmatch(name)
    return match["alias"] if match else None


def rerank_pipeline_name(alias: str) -> str:
    """The search pipeline that re-ranks: for a caller to name, never an index's default."""
    return f"{alias}{_RERANKS}"


def search_pipeline_owner(name: str) -> str | None:
    """The alias whose search pipeline that is, its default one or that which re-ranks; None for one that is not ours."""
    return name.removesuffix(_RERANKS) if name.endswith(_RERANKS) else pipeline_owner(name)
