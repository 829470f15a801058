"""In which order stages are told of."""

from __future__ import annotations

import re
from pathlib import Path

from sparse_index.builds.stages import in_order


def test_every_stage_of_the_daily_run_has_its_place_and_clean_ups_come_last() -> None:
    dag = Path(__file__).parents[3] / "dags" / "daily_build.py"
    tasks = set(re.findall(r'task_id="(\w+)"', dag.read_text(encoding="utf-8"))) - {"receipt"}
    assert {"scan", "retire"} < tasks
    first, *_, undeploy, delete, group, last = in_order(dict.fromkeys(["not known", *sorted(tasks)], 1.0))
    assert (first, last) == ("preflight", "not known")
    assert (undeploy, delete, group) == ("undeploy_model", "delete_model", "delete_model_group")


def test_parts_keep_their_order_and_stand_where_their_stage_does() -> None:
    given = {"delete_model": 1, "encode[0]": 2, "encode[1]": 3, "plan_changes": 4}
    assert list(in_order(given)) == ["plan_changes", "encode[0]", "encode[1]", "delete_model"]
