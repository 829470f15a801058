"""Why a new index is built instead of a clone with the difference."""

from __future__ import annotations

from collections.abc import Iterator, Set

from sparse_index.builds.request import Mode
from sparse_index.cluster.client import Json
from sparse_index.creation.mapping import key_types
from sparse_index.live.meta import Meta
from sparse_index.plan.observed import Observed
from sparse_index.vectors.kinds import vector_kinds


def reasons_for_full(seen: Observed) -> list[str]:
    """In words; empty when a clone will do."""
    live = seen.live
    if live.index is None:
        return [f"alias '{seen.config.alias}' has no index yet"]
    if live.meta is None:
        return [f"{live.index} does not say what it was built from"]
    # Documents that keep their former form would stand beside others of the same column.
    widened = [
        f"'{name}' is {types.live} in the live index and becomes {types.decided}" for name, types in seen.wider.items()
    ]
    return list(_of_the_build(seen, live.meta)) or [*_of_the_index(seen)] or widened


def _of_the_build(seen: Observed, live: Meta) -> Iterator[str]:
    config, request = seen.config, seen.request
    # A field that is new had no encoder before: the index has to change for it, not the encoder.
    encoders = live.fingerprints or dict.fromkeys(seen.fingerprints, live.fingerprint)
    causes = {
        "full mode was asked for": request.mode is Mode.FULL,
        "a row limit was asked for": request.row_limit is not None,
        "the live index was never completed": live.state != "complete",
        "the encoder changed": any(encoders.get(name, one) != one for name, one in seen.fingerprints.items()),
        "mapping, text template or shard count changed": live.document_hash != config.document_hash(),
        "the live build's manifest is gone": seen.live.manifest is None,
        f"{live.delta_builds} delta builds since the last full one": (
            config.kind == "snapshot" and live.delta_builds >= config.index.max_delta_builds
        ),
    }
    yield from (cause for cause, applies in causes.items() if applies)


def _of_the_index(seen: Observed) -> Iterator[str]:
    yield from new_fields(seen.live.mapping, seen.mapping, seen.config.index.fields.keys())
    kinds, fields = vector_kinds(seen.config), seen.live.mapping.get("properties", {})
    for name, largest in seen.largest_weights.items():
        outgrown = kinds[name].outgrown(fields.get(name, {}), largest)
        if outgrown:
            yield f"{name}: {outgrown}"
    made_by = "" if seen.live.attached is None else seen.live.attached.made_by
    # A clone inherits the version that made its source; two major versions later it could not be opened.
    if made_by and made_by.split(".", maxsplit=1)[0] != seen.version.split(".", maxsplit=1)[0]:
        yield f"the live index was made by OpenSearch {made_by}, the cluster is {seen.version}"


def new_fields(live: Json, wanted: Json, declared: Set[str]) -> list[str]:
    """What a mapping that is wanted has beyond the `live` one, which is strict: with a field that it does not know every
    document would be refused. A field must have every parameter that is wanted of it, a vector's dimension as well as a
    type. Those of `declared` fields are the same while the configuration is; the cluster tells them in other words (without
    defaults)."""
    there, fields = live.get("properties", {}), wanted["properties"]
    new = sorted(_missing(live, wanted))
    other = sorted(name for name in fields if name in there.keys() - declared and not _holds(there[name], fields[name]))
    changes = [f"'{name}' ({_change(there[name], fields[name])})" for name in other]
    changes += [
        f"the keys of '{name}'" for name, kind in key_types(wanted).items() if key_types(live).get(name) != kind
    ]
    reasons = {"no such field": ", ".join(new), "a field otherwise": ", ".join(changes)}
    return [f"the live index has {reason}: {names}" for reason, names in reasons.items() if names]


def _missing(there: Json, wanted: Json, path: str = "") -> Iterator[str]:
    """Fields that are wanted, within objects too, by their full names."""
    known = there.get("properties", {})
    for name, field in wanted.get("properties", {}).items():
        if name in known:
            yield from _missing(known[name], field, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _change(there: Json, wanted: Json) -> str:
    """The first setting of a field that differs."""
    key = next(key for key in wanted if not _holds(there, {key: wanted[key]}))
    return f"{key} {there.get(key)}, now {wanted[key]}"


def _holds(there: Json, wanted: Json) -> bool:
    """Whether a field has all that is wanted of it; the cluster may tell more than it was told."""
    return all(
        _holds(there.get(key, {}), value) if isinstance(value, dict) else there.get(key) == value
        for key, value in wanted.items()
    )
