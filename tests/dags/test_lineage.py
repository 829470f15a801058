"""What the OpenLineage provider is told of a promotion: with its own classes where it is installed, else with their likes."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from build_plans import corpus_config, make_plan
from opensearch_ml.opened import Build
from opensearch_ml.operators import PromoteOperator
from sparse_index.builds.check import Check, Verdict
from sparse_index.builds.plan import Counts
from sparse_index.builds.reports import GATE, GateReport, gate_report_path
from sparse_index.corpus.schema import CorpusSchema, save_schema
from sparse_index.store.files import Store

FACETS = {
    "data_quality_assertions_dataset": ("Assertion", "DataQualityAssertionsDatasetFacet"),
    "dataset_version_dataset": ("DatasetVersionDatasetFacet",),
    "input_statistics_input_dataset": ("InputStatisticsInputDatasetFacet",),
    "output_statistics_output_dataset": ("OutputStatisticsOutputDatasetFacet",),
    "schema_dataset": ("SchemaDatasetFacet", "SchemaDatasetFacetFields"),
}


def with_classes(*names: str) -> SimpleNamespace:
    """A module of classes that take what they are given by name."""
    return SimpleNamespace(**dict.fromkeys(names, SimpleNamespace))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("openlineage") is not None:
        return
    facets = {name: with_classes(*classes) for name, classes in FACETS.items()}
    modules = {
        "airflow.providers.openlineage": SimpleNamespace(),
        "airflow.providers.openlineage.extractors": with_classes("OperatorLineage"),
        "openlineage": SimpleNamespace(),
        "openlineage.client": SimpleNamespace(),
        "openlineage.client.event_v2": with_classes("InputDataset", "OutputDataset"),
        "openlineage.client.facet_v2": SimpleNamespace(**facets),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def promoted(tmp_path: Path) -> PromoteOperator:
    """As its task leaves it."""
    store = Store(str(tmp_path))
    schema = save_schema(store, "news", CorpusSchema(pa.schema({"id": pa.string()})))
    config = corpus_config("news", store.root_uri, source={"uri": "s3://lake/news/*.parquet"})
    mapping = {"properties": {"title": {"type": "text"}}}
    counts = Counts(rows_read=9, documents=7)
    plan = make_plan(config, counts=counts, mapping=mapping, schema_path=schema, source_version="12")
    hook: Any = SimpleNamespace(settings=SimpleNamespace(host="search", port=9200))
    checks = [Check("counts", Verdict.PASS, None, None, ""), Check("golden queries", Verdict.UNDECIDED, None, None, "")]
    report = GateReport(
        documents=7, live_documents=None, sampled=7, tokens_min=1, tokens_median=2, tokens_max=3, checks=checks
    )
    GATE.save(store, gate_report_path(plan), report)
    task = PromoteOperator(task_id="promote")
    task._promoted = Build(hook, store, plan)
    return task


@pytest.mark.usefixtures("provider")
def test_a_promotion_leads_from_the_corpus_to_the_index(promoted: PromoteOperator) -> None:
    told = promoted.get_openlineage_facets_on_complete(None)
    (read,), (written,) = told.inputs, told.outputs
    assert (read.namespace, read.name, read.inputFacets["inputStatistics"].rowCount) == ("s3://lake", "news", 9)
    assert [(field.name, field.type) for field in read.facets["schema"].fields] == [("id", "string")]
    assert read.facets["version"].datasetVersion == "12"
    assert (written.namespace, written.name) == ("opensearch://search:9200", "news")
    assert written.outputFacets["outputStatistics"].rowCount == 7
    assert [(field.name, field.type) for field in written.facets["schema"].fields] == [("title", "text")]
    checks = [(check.assertion, check.success) for check in written.facets["dataQualityAssertions"].assertions]
    assert checks == [("counts", True), ("golden queries", False)]
    assert written.facets["version"].datasetVersion.startswith("news--b")


@pytest.mark.skipif(find_spec("openlineage") is None, reason="the OpenLineage provider is not installed")
def test_the_provider_finds_it(promoted: PromoteOperator) -> None:
    from airflow.providers.openlineage.extractors.manager import ExtractorManager

    extractor = ExtractorManager()._get_extractor(promoted)
    assert extractor is not None
    found = extractor.extract_on_complete(None)
    assert found is not None
    assert [each.name for each in (*found.inputs, *found.outputs)] == ["news", "news"]


@pytest.mark.usefixtures("provider")
def test_of_a_run_that_promoted_nothing_there_is_nothing_to_tell() -> None:
    told = PromoteOperator(task_id="promote").get_openlineage_facets_on_complete(None)
    assert not getattr(told, "inputs", [])
    assert not getattr(told, "outputs", [])
