"""What of a dead run cannot be removed is named, and stops no build; whether there is room for its models is another question."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from build_plans import NOW, corpus_config
from fake_models import FakeModels
from fake_opensearch import fake_cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.ml.life import life_of, sources_of
from sparse_index.names import group_name
from sparse_index.preflight.capacity import check_model_places
from sparse_index.preflight.findings import Findings
from sparse_index.preflight.leftovers import sweep
from sparse_index.store.files import Store
from sparse_index.timing import Timing

HELD, FREE = (group_name("things", f"2026010{day}T000000-abcdef") for day in (1, 2))
MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}


def test_a_model_that_a_node_holds_for_ever_stops_no_build(tmp_path: Path) -> None:
    models, findings, seconds = FakeModels(), Findings(), count(step=30)
    models.add("m1", HELD, answers=True)
    models.held_for_ever = {"m1"}
    models.add("m2", FREE)
    timing = Timing(lambda: float(next(seconds)), lambda _: None, lambda: NOW)
    swept = sweep(findings, models.cluster, Store(str(tmp_path)), "things", lambda _: False, timing)
    assert (swept, list(models.models)) == ([FREE], ["m1"])
    assert findings.problems == []
    (left,) = findings.left
    assert left.startswith(f"{HELD} is there: Model m1 is still held by node n1 after ")


@pytest.mark.parametrize(
    ("limit", "warning"),
    [(4, None), (3, "No room for 2 more models on data (2): plugins.ml_commons.max_model_on_node is 3.")],
)
def test_every_model_that_a_build_deploys_needs_a_place(limit: int, warning: str | None) -> None:
    """Two encoders that differ by their pruning alone share one. A day that encodes nothing needs none, so it is no problem."""

    def answer(method: str, path: str, body: Any) -> Any:
        if path.startswith("/_cluster/settings"):
            ml = "plugins.ml_commons"
            return {"persistent": {f"{ml}.max_model_on_node": str(limit), f"{ml}.only_run_on_ml_node": "false"}}
        if path.startswith("/_nodes"):
            return {"nodes": {"n1": {"name": "data", "roles": ["data"], "os": {"allocated_processors": 2}}}}
        return {"nodes": {"n1": {"models": {name: {"model_state": "DEPLOYED"} for name in ("m1", "m2")}}}}

    encoders = {
        "one": {"model": MODEL},
        "two": {"model": MODEL | {"name": "other"}},
        "three": {"model": MODEL, "pruning": {"type": "top_k", "value": 5}},
    }
    vectors = {name: {"kind": "sparse", "encoder": encoder} for name, encoder in encoders.items()}
    values = corpus_config("things").model_dump(exclude_unset=True, exclude={"encoder"})
    config = CorpusConfig.model_validate(values | {"vectors": vectors})
    wanted = sources_of(map(life_of, config.vector_fields.values()))
    findings = Findings()
    check_model_places(findings, fake_cluster(answer), len(wanted))
    assert findings.problems == []
    assert [found.split(" In Airflow")[0] for found in findings.warnings] == [warning] * (warning is not None)
