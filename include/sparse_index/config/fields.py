"""The owner's own mapping: `index.fields`, a field of the index by the name of its column, as OpenSearch takes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

FieldMapping = dict[str, Any]
_DECIDE_VALUES = ("type", "scaling_factor")


def _checked(mapping: FieldMapping) -> FieldMapping:
    problem = _problem(mapping)
    if problem is not None:
        raise ValueError(problem)
    return mapping


def _problem(mapping: FieldMapping) -> str | None:
    """What is wrong with the shape; whether the cluster knows the types is asked of the cluster, when a run is planned."""
    if not isinstance(mapping.get("type"), str):
        return "say the type of the field: {type: keyword}, {type: text, analyzer: english}, ..."
    if mapping["type"] == "scaled_float" and not _is_factor(mapping.get("scaling_factor")):
        return "a scaled_float needs its factor, a number above 0: {type: scaled_float, scaling_factor: 100}"
    inner = mapping.get("properties", {})
    if not isinstance(inner, dict) or not all(isinstance(each, dict) for each in inner.values()):
        return "`properties` is a field for each name: {properties: {size: {type: integer}}}"
    return next((f"{name}: {problem}" for name, each in inner.items() if (problem := _problem(each))), None)


def _is_factor(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


DeclaredField = Annotated[FieldMapping, AfterValidator(_checked)]


def value_shape(fields: dict[str, FieldMapping]) -> dict[str, Any]:
    """What of the declared fields decides how values are written and which are kept: no analyzers and the like."""
    return {
        name: {key: each[key] for key in _DECIDE_VALUES if key in each} | _inner(each) for name, each in fields.items()
    }


def _inner(mapping: FieldMapping) -> dict[str, Any]:
    inner = mapping.get("properties")
    return {"properties": value_shape(inner)} if inner else {}


def without_column(fields: dict[str, FieldMapping]) -> set[str]:
    """The declared fields that need no column: aliases, and those to which others are copied."""
    copied = {target for each in fields.values() for target in _listed(each.get("copy_to", []))}
    return {name for name, each in fields.items() if name in copied or each["type"] == "alias"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
