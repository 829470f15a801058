"""What a build read and what it wrote, as those who follow data through a company name data sets: place, name, columns, rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sparse_index.addresses import public_address
from sparse_index.builds.check import Verdict
from sparse_index.builds.news import final_counts
from sparse_index.builds.plan import Plan
from sparse_index.builds.reports import gate_report
from sparse_index.corpus.schema import load_schema
from sparse_index.store.files import Store

_LOCAL = "file"
# From the first folder or file of a path on whose name is a pattern, or has a day in it.
_PATTERN = re.compile(r"/[^/]*[*?\[{].*", re.DOTALL)


@dataclass(frozen=True)
class DataSet:
    """`namespace` and `name` after the naming rules of OpenLineage; `columns`: name -> type, in their order; `rows`: read from
    it, or in it; `checks`: name of what the gate looked at -> whether it found nothing to doubt."""

    namespace: str
    name: str
    columns: dict[str, str]
    rows: int
    version: str | None
    checks: dict[str, bool] = field(default_factory=dict)


def corpus_read(store: Store, plan: Plan) -> DataSet:
    """The corpus without its days and patterns: the place that whoever writes it names, too."""
    namespace, name = _named(public_address(plan.config.source.uri))
    schema = load_schema(store, plan.schema_path).schema
    columns = {column.name: str(column.type) for column in schema}
    return DataSet(namespace, name, columns, final_counts(store, plan).rows_read, plan.source_version)


def index_written(store: Store, plan: Plan, cluster: str) -> DataSet:
    """What readers see behind the alias; `cluster`: its host and port."""
    properties = (plan.mapping or {}).get("properties", {})
    columns = {name: str(mapping.get("type", "object")) for name, mapping in properties.items()}
    report = gate_report(store, plan)
    seen = [check for check in (report.checks if report else []) if check.verdict is not Verdict.SKIPPED]
    checks = {check.name: check.verdict is Verdict.PASS for check in seen}
    rows = final_counts(store, plan).documents
    return DataSet(f"opensearch://{cluster}", plan.alias, columns, rows, plan.candidate, checks)


def _named(address: str) -> tuple[str, str]:
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = _LOCAL, address
    place, _, path = rest.partition("/")
    name = _PATTERN.sub("", f"/{path}").rstrip("/")
    if scheme == _LOCAL:
        return _LOCAL, f"{place}{name}" or "/"
    return f"{scheme}://{place}", name.lstrip("/") or "/"
