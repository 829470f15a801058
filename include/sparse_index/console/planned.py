"""What a build set out to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparse_index.console.content import plan_without_content
from sparse_index.console.fields import count, lines, number, numbers, text
from sparse_index.store.files import Store
from sparse_index.store.layout import plan_path


@dataclass(frozen=True)
class PlanView:
    """`encode_parts`, `index_parts`: how many; `seconds`: the estimate."""

    run_id: str | None
    kind: str | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, float]
    encode_parts: int
    index_parts: int
    seconds: float | None
    disk_bytes: int | None
    problem: str | None = None


def read_plan(store: Store, alias: str, build_id: str, *, with_content: bool) -> PlanView | None:
    """Of any version, as far as it can be read; None where there is none. `with_content`: with the values that notes quote."""
    path, problem = plan_path(alias, build_id), None
    try:
        content = store.read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        content, problem = None, f"{path} in the store is torn: it is no JSON."
    if not with_content:
        content = plan_without_content(content)
    return PlanView(
        text(content, "request", "run_id"),
        text(content, "kind"),
        lines(content, "reasons"),
        lines(content, "notes"),
        numbers(content, "counts"),
        len(lines(content, "encode_parts")),
        len(lines(content, "index_parts")),
        number(content, "seconds"),
        count(content, "disk_bytes"),
        problem,
    )
