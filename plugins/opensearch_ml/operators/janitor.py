"""The janitor's two tasks: a look at every store and every corpus, and what both this look and the next decide.

Every error of one store is told, and stops no other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from opensearch_ml.alerts import reader_of, run_address, tell
from opensearch_ml.dag_names import PREFIX
from opensearch_ml.links import JanitorLink
from opensearch_ml.operators.household import Household, HouseholdOperator
from opensearch_ml.params import require_answers_taken
from sparse_index.alerts.message import Alert, Kind
from sparse_index.errors import BuildError, SparseIndexError

if TYPE_CHECKING:
    from sparse_index.operations.cleanup import Cleanup

# Aliases in the task state store, which outlives an attempt.
TOLD = "told"


class JanitorLookOperator(HouseholdOperator):
    """What there is to tidy up, printed and kept in each store; nothing else is changed.

    Gives, for each store, where the report is and how much there is to do, or why the store could not be looked at.
    """

    operator_extra_links = (JanitorLink(),)

    def work(self, household: Household, context: Any) -> list[dict[str, Any]]:
        from sparse_index.operations.stale import observe_stale

        require_answers_taken(context)
        configs = [config for configs in household.stores.values() for config in configs]
        old, unknown = observe_stale(household.clusters, configs, datetime.now(UTC))
        self._tell(household, "Search index '{}' shows old data", old, context)
        self._tell(household, "Nobody knows how old the data of search index '{}' is", unknown, context)
        return [self._looked(household, uri, context) for uri in household.stores]

    def _looked(self, household: Household, uri: str, context: Any) -> dict[str, Any]:
        from sparse_index.operations.janitor import look, save_cleanup

        try:
            store, now = household.store(uri), datetime.now(UTC)
            runs, beside = household.runs(context), household.neighbours
            cleanup = look(household.clusters, store, household.stores[uri], now=now, runs=runs, beside=beside)
            path = save_cleanup(store, cleanup)
        except (SparseIndexError, OSError) as error:
            self.log.error("Store %s could not be looked at: %s", uri, error)
            return {"store": uri, "problem": str(error)}
        self.log.info("Store %s: %s\nReport: %s", uri, cleanup, store.full(path))
        counts = {"actions": len(cleanup.actions), "unproven": len(cleanup.unproven)}
        return {"store": uri, "report": path} | counts

    def _tell(self, household: Household, title: str, said: dict[str, str], context: Any) -> None:
        """`said`: by alias. Every night again, until the data is young enough: a DAG that nobody runs says nothing of itself.
        Once a look: an attempt after one that died tells what that one had not."""
        states = context["task_state_store"]
        told = list(states.get(TOLD) or [])
        for config in (config for configs in household.stores.values() for config in configs if config.alias in said):
            corpus = household.homes[config.alias].dag_id.removeprefix(PREFIX)
            link = run_address(context["ti"].dag_id, context["ti"].run_id)
            alert = Alert(Kind.STALE, reader_of(corpus, config), title.format(corpus), said[config.alias], link)
            self.log.warning("%s", alert)
            if config.alias not in told and tell(alert, config.alerts, context):
                told.append(config.alias)
                states.set(TOLD, told)


class JanitorCleanOperator(HouseholdOperator):
    """Does what the look decided, as far as it still holds; in a dry run it does nothing, and skips itself.

    Fails at its end when something could not be done or needs a person; all else was done. In a dry run it fails when something
    could not be seen or proven: nobody else would tell people.
    """

    operator_extra_links = (JanitorLink(),)
    template_fields = ("found", "only_look")

    def __init__(self, *, found: list[dict[str, Any]], only_look: bool | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.found = found
        self.only_look = only_look

    def work(self, household: Household, context: Any) -> dict[str, int]:
        # A rendered template is text. Whatever is not clearly "no" is a dry run.
        dry = self.only_look not in (False, "False")
        done = 0
        problems: list[str] = []
        for entry in self.found[:]:
            try:
                done += self._judged(household, entry) if dry else self._cleaned(household, entry, context)
            except (SparseIndexError, OSError) as error:
                problems.append(f"Store {entry['store']}: {error}")
        if problems:
            raise BuildError("\n".join(problems))
        if dry:
            raise AirflowSkipException("A dry run: the log of 'look' says what would be done.")
        return {"done": done}

    def _judged(self, household: Household, entry: dict[str, Any]) -> int:
        """Nothing is done; `BuildError` names what nobody could see or prove."""
        doubts = self._decided(household, entry).unproven
        if doubts:
            listed = "\n  ".join(doubts)
            raise BuildError(f"{len(doubts)} thing(s) could not be looked at or proven dead (a dry run):\n  {listed}")
        return 0

    def _decided(self, household: Household, entry: dict[str, Any]) -> Cleanup:
        from sparse_index.operations.janitor import load_cleanup

        if "problem" in entry:
            raise BuildError(f"it could not be looked at: {entry['problem']}")
        return load_cleanup(household.store(entry["store"]), entry["report"])

    def _cleaned(self, household: Household, entry: dict[str, Any], context: Any) -> int:
        from sparse_index.operations.janitor import clean

        decided, configs = self._decided(household, entry), household.stores.get(entry["store"], [])
        store, now = household.store(entry["store"]), datetime.now(UTC)
        runs, beside = household.runs(context), household.neighbours
        cleanup = clean(household.clusters, store, configs, decided, now=now, runs=runs, beside=beside)
        self.log.info("Store %s: %d of %d thing(s) done.", entry["store"], len(cleanup.actions), len(decided.actions))
        return len(cleanup.actions)
