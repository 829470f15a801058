"""# After a promotion

Runs whenever the index of the corpus `tickets` has moved on, and reads what the promotion told: copy it into your DAG folder, and
do there what has to follow a new index: warm caches, tell a dashboard, start a comparison.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, dag, task

# By its name alone: an asset that is declared here, too, would have what the corpus's DAG says of it replaced by nothing.
TICKETS = Asset.ref(name="tickets")


@task
def read_the_news(triggering_asset_events: Any = None) -> list[str]:
    """A sentence for each promotion since the last run of this DAG; several may have come together."""
    return [in_words(event.extra) for event in triggering_asset_events[TICKETS]]


def in_words(news: dict[str, Any]) -> str:
    return (
        f"{news['index']} holds {news['documents']:,} documents of {news['data_date']}: {news['new']:,} new, "
        f"{news['changed']:,} changed, {news['deleted']:,} deleted. {news['receipt']}"
    )


@dag(schedule=[TICKETS], catchup=False, tags=["example"])
def after_a_promotion() -> None:
    """The asset is named by its corpus's alias."""
    read_the_news()


after_a_promotion()
