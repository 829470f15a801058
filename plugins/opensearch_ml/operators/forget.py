"""Forgetting documents: one task writes down how much there is of them, the next removes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opensearch_ml.corpora import corpus_config, folder_of
from opensearch_ml.dag_names import REDRIVE_DAG
from opensearch_ml.operators.household import Household, HouseholdOperator
from opensearch_ml.params import require_answers_taken

if TYPE_CHECKING:
    import pyarrow as pa

    from sparse_index.operations.forget import Site


class ForgettingOperator(HouseholdOperator):
    """What the two tasks share. `ids`: the address of a file that has them, so that none passes through Airflow."""

    template_fields: Sequence[str] = ("corpus", "ids")

    def __init__(self, *, corpus: str, ids: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.corpus = corpus
        self.ids = ids

    def site(self, household: Household, context: Any) -> Site:
        from sparse_index.operations.forget import Site
        from sparse_index.store.files import Store

        config = corpus_config(folder_of(context), self.corpus)
        store = Store(config.store)
        runs = household.runs(context, REDRIVE_DAG)  # it reads and writes dead letters
        return Site(household.clusters, store, household.stores[store.address], config, runs)

    def given(self, site: Site) -> pa.Array:
        from sparse_index.operations.given_ids import given_ids

        return given_ids(site.config, address=self.ids)


class ForgetLookOperator(ForgettingOperator):
    """How much there is of the documents; begins the record, and gives where it is. Nothing else is changed.

    Fails while anything of the corpora that share the store runs, and when an index cannot be written.
    """

    def work(self, household: Household, context: Any) -> str:
        from sparse_index.operations.forget import look

        require_answers_taken(context)
        site = self.site(household, context)
        found = look(site, self.given(site), now=datetime.now(UTC), run_id=context["run_id"])
        self.log.info("%s", found)
        return found.record


class ForgetOperator(ForgettingOperator):
    """Removes them, and ends the record. Repeated after a kill it goes on where it was."""

    template_fields = (*ForgettingOperator.template_fields, "record")

    def __init__(self, *, record: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record = record

    def work(self, household: Household, context: Any) -> dict[str, Any]:
        from sparse_index.operations.forget import forget, load_forgotten

        site = self.site(household, context)
        begun = load_forgotten(site.store, self.record)
        done = forget(site, self.given(site), begun)
        self.log.info("%s Record: %s", done, site.store.full(done.record))
        for note in done.notes:
            self.log.warning("Note: %s.", note)
        return done.model_dump(mode="json")
