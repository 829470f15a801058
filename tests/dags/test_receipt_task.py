"""What the receipt's task makes of Airflow's own account of a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.observability import stats

from build_plans import corpus_config, make_plan
from fake_opensearch import fake_cluster, unreachable
from opensearch_ml.attempt import ended_stages
from opensearch_ml.failures import ERROR_KEY
from opensearch_ml.opened import PLAN_TASK
from opensearch_ml.operators.approval import ANSWER_KEY
from opensearch_ml.operators.receipt import ReceiptOperator, why
from sparse_index.builds.ending import PROMOTE, RETIRE, Stage, failures
from sparse_index.builds.plan import save_plan
from sparse_index.cluster.client import Cluster
from sparse_index.errors import BuildError, ConfigError, SparseIndexError, UnavailableError
from sparse_index.store.files import Store
from sparse_index.store.layout import RECEIPT_FILE, receipt_path

SAID = {("encode", 1): "the model is gone"}


def task(task_id: str, state: str, map_index: int = -1, duration: float | None = 2.0) -> dict[str, object]:
    return {"task_id": task_id, "map_index": map_index, "state": state, "duration": duration}


def test_tasks_become_stages_with_their_parts_and_what_they_said() -> None:
    tasks = [
        task("preflight", "success"),
        task("encode", "success", 0),
        task("encode", "failed", 1),
        task("turn", "failed"),
        task("promote", "upstream_failed", duration=None),
    ]
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        get_task_breadcrumbs=lambda dag_id, run_id: tasks,
        xcom_pull=lambda task_ids, map_indexes, key: SAID.get((task_ids, map_indexes)),
    )
    assert ended_stages({"ti": ti}) == [
        Stage("preflight", 2.0),
        Stage("encode", 2.0, part=0),
        Stage("encode", 2.0, done=False, failure="the model is gone", part=1),
        Stage("turn", 2.0, done=False, failure="no reason was left; see its log"),
        Stage("promote", 0.0, done=False),
    ]


def unreachable_cluster() -> Cluster:
    def silent(method: str, path: str, body: Any) -> Any:
        raise unreachable()

    return fake_cluster(silent)


class Away(SimpleNamespace):
    """A corpus whose cluster does not answer."""

    @property
    def cluster(self) -> Cluster:
        return unreachable_cluster()


class NoConnection(SimpleNamespace):
    """A corpus whose connection cannot be opened any more."""

    @property
    def cluster(self) -> Cluster:
        raise ConfigError("extra `use_ssl` must be true or false")


def in_a_run_that_failed(
    tmp_path: Path,
    path: str | None,
    failed: str = "index",
    attempt: int = 1,
    kind: type[SimpleNamespace] = Away,
    promotion: dict[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Its corpus, of this `kind`, and the context of its receipt, which has three retries; `promotion`: what `promote` gave, in a
    run in which nothing failed."""
    said = {PLAN_TASK: path and {"store": str(tmp_path), "plan": path}, ERROR_KEY: "no answer from the cluster"}
    said[PROMOTE] = promotion
    tasks = [task(PROMOTE, "success"), task(RETIRE, "success")] if promotion else [task(failed, "failed")]
    tasks += [task(PLAN_TASK, "success")] if path else []
    ti = SimpleNamespace(
        dag_id="d",
        run_id="r",
        try_number=attempt,
        max_tries=3,
        get_task_breadcrumbs=lambda dag_id, run_id: tasks,
        xcom_pull=lambda task_ids, key="return_value", **_: said.get(task_ids if key == "return_value" else key),
    )
    corpus = kind(config=corpus_config("things", str(tmp_path)))
    return corpus, {"ti": ti, "dag_run": SimpleNamespace(start_date=None)}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(stats, "incr", lambda name, count, tags: sent.append(name))
    return sent


def test_a_cluster_that_is_away_hides_neither_receipt_nor_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(corpus_config("things", str(tmp_path)), live_index="things--b20250228t060000-00000a")
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(Store(str(tmp_path)), plan))
    with pytest.raises(
        BuildError, match=r"^index failed: no answer from the cluster\n'things' is on things--b20250228t"
    ):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    (untidy,) = Store(str(tmp_path)).read_json(receipt_path(plan.alias, plan.build_id))["untidy"]
    assert untidy.startswith("the cluster could not be asked")
    assert sent == ["sparse_index.builds.failed"]


def test_a_run_without_a_plan_says_why_although_the_cluster_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, None)
    with pytest.raises(
        BuildError, match=r"^index failed: no answer .*\nNo build was planned\.\nThe cluster could not be"
    ):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    assert sent == ["sparse_index.builds.failed"]


@pytest.mark.parametrize("failed", ["index", PROMOTE])
def test_a_connection_that_cannot_be_opened_hides_neither_receipt_nor_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: str
) -> None:
    sent = counted(monkeypatch)
    plan = make_plan(corpus_config("things", str(tmp_path)))
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(Store(str(tmp_path)), plan), failed, kind=NoConnection)
    with pytest.raises(BuildError, match=f"^{failed} failed: no answer from the cluster\n"):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    (untidy,) = Store(str(tmp_path)).read_json(receipt_path(plan.alias, plan.build_id))["untidy"]
    assert "extra `use_ssl` must be true or false" in untidy
    assert sent == ["sparse_index.builds.failed"]


def test_a_run_without_a_plan_says_why_although_the_connection_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = counted(monkeypatch)
    corpus, context = in_a_run_that_failed(tmp_path, None, kind=NoConnection)
    with pytest.raises(BuildError, match=r"^index failed: no answer .*\nNo build was planned\.\nThe cluster could not"):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    assert sent == ["sparse_index.builds.failed"]


def test_after_a_switch_without_an_answer_the_receipt_waits_for_the_cluster_as_long_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alias may have moved: nobody but the cluster knows what is live. A clear lets Airflow count on, to further attempts."""
    counted(monkeypatch)
    store, plan = Store(str(tmp_path)), make_plan(corpus_config("things", str(tmp_path)))
    path = save_plan(store, plan)
    expected: dict[int, type[SparseIndexError]] = {1: UnavailableError, 3: UnavailableError, 4: BuildError}
    for attempt, error in expected.items():
        corpus, context = in_a_run_that_failed(tmp_path, path, PROMOTE, attempt)
        with pytest.raises(error):
            ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
        assert store.exists(receipt_path(plan.alias, plan.build_id)) == (attempt == 4)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes no receipt."""
    write = Store.write_bytes

    def refuse(store: Store, path: str, data: bytes) -> None:
        if path.endswith(f"/{RECEIPT_FILE}"):
            raise UnavailableError(f"{path} in the store cannot be used for now (EIO).")
        write(store, path, data)

    monkeypatch.setattr(Store, "write_bytes", refuse)


@pytest.mark.usefixtures("refusing")
def test_a_store_that_takes_no_receipt_hides_neither_reason_nor_what_is_live(tmp_path: Path) -> None:
    """And what may pass is tried again."""
    plan = make_plan(corpus_config("things", str(tmp_path)), live_index="things--b20250228t060000-00000a")
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(Store(str(tmp_path)), plan), "encode")
    with pytest.raises(UnavailableError) as failure:
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    reason, live, _, unwritten = failure.value.message.splitlines()
    assert reason == "encode failed: no answer from the cluster"
    assert live == "'things' is on things--b20250228t060000-00000a; this build failed."
    assert unwritten.startswith("There is no receipt: ")


@pytest.mark.usefixtures("refusing")
def test_a_store_that_takes_no_receipt_does_not_hide_that_the_build_is_live(tmp_path: Path) -> None:
    plan = make_plan(corpus_config("things", str(tmp_path)))
    path, promotion = save_plan(Store(str(tmp_path)), plan), {"live": plan.candidate}
    corpus, context = in_a_run_that_failed(tmp_path, path, promotion=promotion)
    with pytest.raises(UnavailableError, match=f"^'things' is on {plan.candidate}; this build was promoted\\."):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)


def test_a_report_that_is_torn_hides_no_reason(tmp_path: Path) -> None:
    store, plan = Store(str(tmp_path)), make_plan(corpus_config("things", str(tmp_path)))
    store.write_bytes(f"{plan.folder}/reports/books.json", b"half")
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(store, plan))
    with pytest.raises(
        BuildError, match=r"^index failed: no answer from the cluster\n(.*\n)*There is no receipt: .*books"
    ):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)


@pytest.mark.parametrize(
    ("torn", "error", "said"),
    [(True, BuildError, "is not a plan that"), (False, UnavailableError, "FileNotFoundError")],
)
def test_a_plan_that_cannot_be_read_hides_neither_reason_nor_what_is_live(
    tmp_path: Path, torn: bool, error: type[SparseIndexError], said: str
) -> None:
    if torn:
        (tmp_path / "plan.json").write_text("half")
    work = ReceiptOperator(task_id="receipt", corpus="things").work
    with pytest.raises(
        error, match=f"^index failed: no answer .*\nThe cluster could not .*\n.* cannot be read: .*{said}"
    ):
        work(*in_a_run_that_failed(tmp_path, "plan.json"))
    with pytest.raises(error, match=r"^'things' is on things--b1; this build was promoted\.\n.* cannot be read: "):
        work(*in_a_run_that_failed(tmp_path, "plan.json", promotion={"live": "things--b1"}))


def test_the_first_that_failed_is_told_first_though_airflow_gives_tasks_by_name() -> None:
    stages = [Stage(name, 1.0, failure="x") for name in ("create_model_group", "delete_model", "encode")]
    assert why(failures(stages)) == "create_model_group failed: x\nencode failed: x\ndelete_model failed: x"


def test_what_a_former_attempt_left_is_not_told_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was cleared: Airflow still gives a person's no and the switch of tasks that have not begun again."""
    counted(monkeypatch)
    store, plan = Store(str(tmp_path)), make_plan(corpus_config("things", str(tmp_path)))
    corpus, context = in_a_run_that_failed(tmp_path, save_plan(store, plan))
    gives, former = context["ti"].xcom_pull, {PROMOTE: {"live": plan.candidate}, RETIRE: {"left": ["an index"]}}
    context["ti"].xcom_pull = lambda task_ids, key="return_value", **others: (
        "Reject by vera" if key == ANSWER_KEY else former.get(task_ids) or gives(task_ids, key, **others)
    )
    with pytest.raises(BuildError, match=r"^index failed: no answer from the cluster\n.*this build failed\."):
        ReceiptOperator(task_id="receipt", corpus="things").work(corpus, context)
    receipt = store.read_json(receipt_path(plan.alias, plan.build_id))
    assert (receipt["approval"], len(receipt["untidy"])) == (None, 1)


def test_a_persons_no_is_told_before_what_failed_beside_it() -> None:
    said = why({"delete_model": "no answer"}, "Reject by vera, 2026-03-01")
    assert said == (
        "The gate was in doubt, and the answer to it: Reject by vera, 2026-03-01.\ndelete_model failed: no answer"
    )
    assert why({}, "Reject because nobody answered in time, 2026-03-01").endswith("answered in time, 2026-03-01.")
    assert why({"promote": "lost race"}, "Approve by vera, 2026-03-01") == "promote failed: lost race"
