"""A promotion in the classes of the OpenLineage provider, which asks for it where it is installed, and answers for an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opensearch_ml.opened import Build
    from sparse_index.builds.lineage import DataSet


def operator_lineage(promoted: Build | None) -> Any:
    """From the corpus to the index behind the alias; empty when nothing was promoted. It imports what only the provider has."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset, output_statistics_output_dataset

    from sparse_index.builds.lineage import corpus_read, index_written

    if promoted is None:
        return OperatorLineage()
    settings, store, plan = promoted.hook.settings, promoted.store, promoted.plan
    read, written = corpus_read(store, plan), index_written(store, plan, f"{settings.host}:{settings.port}")
    rows_read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=read.rows)
    rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=written.rows)
    source = InputDataset(**_of(read), inputFacets={"inputStatistics": rows_read})
    index = OutputDataset(**_of(written), outputFacets={"outputStatistics": rows})
    return OperatorLineage(inputs=[source], outputs=[index])


def _of(found: DataSet) -> dict[str, Any]:
    return {"namespace": found.namespace, "name": found.name, "facets": _facets(found)}


def _facets(found: DataSet) -> dict[str, Any]:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset, dataset_version_dataset, schema_dataset

    field, assertion = schema_dataset.SchemaDatasetFacetFields, data_quality_assertions_dataset.Assertion
    columns = [field(name=name, type=kind) for name, kind in found.columns.items()]
    facets: dict[str, Any] = {"schema": schema_dataset.SchemaDatasetFacet(fields=columns)}
    if found.version is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=found.version)
    if found.checks:
        checks = [assertion(assertion=name, success=well) for name, well in found.checks.items()]
        seen = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=checks)
        facets["dataQualityAssertions"] = seen
    return facets
