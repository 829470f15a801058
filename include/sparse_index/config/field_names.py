"""Names that a field of the index cannot have: what the cluster refuses, or takes for something else."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

# OpenSearch's own fields: each refused in a mapping or in a document by 3.6.0; other names may begin with an underscore.
METADATA_FIELDS = frozenset(
    {
        "_data_stream_timestamp",
        "_doc_count",
        "_field_names",
        "_id",
        "_ignored",
        "_index",
        "_nested_path",
        "_primary_term",
        "_routing",
        "_seq_no",
        "_source",
        "_version",
    }
)


def name_problem(name: str) -> str | None:
    """What is wrong with `name` as the name of a field; None when nothing is."""
    if not name.strip():
        return "a field needs a name"
    if "." in name:
        return (
            f"'{name}' has a dot, which OpenSearch takes for a field within an object: write '{name.replace('.', '_')}'"
        )
    if name in METADATA_FIELDS:
        return f"'{name}' is a field of OpenSearch's own: give it another name"
    return None


def _checked(name: str) -> str:
    problem = name_problem(name)
    if problem is not None:
        raise ValueError(problem)
    return name


FieldName = Annotated[str, AfterValidator(_checked)]
