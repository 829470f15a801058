"""Names that carry ownership: which alias and which build a thing in the cluster belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

MARK = "sparse-index"
BUILD_ID = r"\d{8}T\d{6}-[0-9a-f]{6}"
# Index names are lower case; a build id is not, so the `T` is written small there.
_CANDIDATE = re.compile(rf"^(?P<alias>.+)--b(?P<build_id>{BUILD_ID.replace('T', 't')})$")
_GROUP = re.compile(rf"^{MARK}--(?P<alias>.+)--b(?P<build_id>{BUILD_ID})$")


@dataclass(frozen=True)
class Owner:
    """What a marked name says: the alias and the build it was made for."""

    alias: str
    build_id: str


def new_build_id(now: datetime, token: str) -> str:
    """`yyyymmddThhmmss-<6 hex>`; sorts by time, because three of the digits count the second's 4096ths. `token` gives
    the other three (a random uuid's, say)."""
    fraction = now.microsecond * 0x1000 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{fraction:03x}{token[:3].lower()}"


def candidate_name(alias: str, build_id: str) -> str:
    return f"{alias}--b{build_id.lower()}"


def candidate_pattern(alias: str) -> str:
    """The index pattern that holds every candidate and generation of `alias`."""
    return f"{alias}--b*"


def parse_candidate(index: str) -> Owner | None:
    """The owner a candidate's name claims; only together with `_meta.alias` does it decide anything."""
    match = _CANDIDATE.match(index)
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
    match = _GROUP.match(name)
    return Owner(match["alias"], match["build_id"]) if match else None
