"""Folders `key=value` are columns of the corpus: of the right type, in texts, fields, hashes and dead letters."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plan_help import SCHEMA, config_at, corpus_documents, part_rows, plan_shards, planned, row, write
from sparse_index.builds.dead_letters import read_letters
from sparse_index.builds.plan import BuildKind, Plan, save_plan
from sparse_index.config.corpus import CorpusConfig
from sparse_index.corpus.partitions import folder_values, inferred_types
from sparse_index.corpus.place import Place
from sparse_index.corpus.rows import documents_at
from sparse_index.corpus.schema import load_schema
from sparse_index.errors import ConfigError, CorpusError
from sparse_index.store.files import Store

DAY = date(2026, 1, 2)
NULL = "__HIVE_DEFAULT_PARTITION__"


def values_of(config: CorpusConfig, *names: str, day: date = DAY) -> list[tuple[Any, ...]]:
    return [tuple(document.fields.get(name, "-") for name in names) for document in corpus_documents(config, day)]


def test_what_folders_say() -> None:
    path = f"year=2026/where=a%20b%2Fc/none={NULL}/empty=/k%3D=1/plain/=x/day=2026-01-01=x/file=1.parquet"
    assert folder_values(path) == {
        "year": "2026", "where": "a b/c", "none": None, "empty": None, "k=": "1", "day": "2026-01-01=x"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "02", "-3", None], pa.int64()),
        ([str(2**63 - 1)], pa.int64()),
        ([str(2**63 + 1)], pa.string()),
        (["1", "1.5", "1e3"], pa.float64()),
        (["0.10000000000000001"], pa.float64()),
        (["0.12345678901234567890"], pa.string()),
        (["12e4567", "34e5678"], pa.string()),
        (["4e1234567", "12e456789012"], pa.string()),
        (["\u0663"], pa.string()),
        (["2026-01-31", None], pa.date32()),
        (["2026-02-30"], pa.string()),
        (["2026-01-31", "2026-01-31 10:11:12.5"], pa.timestamp("us", "UTC")),
        (["20260131", "2026-01-31"], pa.string()),
        (["1", "x"], pa.string()),
        (["nan"], pa.string()),
        (["true"], pa.string()),
        ([None], pa.null()),
    ],
)
def test_types_are_those_of_spark_over_all_values_if_there_are_any(texts: list[str | None], kind: pa.DataType) -> None:
    assert inferred_types([{"k": text} for text in texts]) == {"k": kind}


def test_two_values_of_one_key_in_one_path_are_refused() -> None:
    assert folder_values("day=1/x/day=1/a.parquet") == {"day": "1"}
    with pytest.raises(CorpusError, match=r"day=1/x/day=2/a\.parquet: its folders say of 'day' both 1 and 2"):
        folder_values("day=1/x/day=2/a.parquet")


def test_partitions_are_columns_like_any_other(tmp_path: Path) -> None:
    config = config_at(tmp_path, source={"text_template": "{title} in {city}", "max_shards": 2})
    corpus = tmp_path / "corpus"
    write(corpus / "day=2026-01-01/city=New%20York/level=1", [row(1)])
    write(corpus / f"day=2026-01-02/city={NULL}/level=1.5", [row(2)])
    write(corpus / "day=2026-01-02/city=Köln/level=2", [row(3)])
    found = {document.id: document for document in corpus_documents(config)}
    assert {name: str(found["d1"].fields[name]) for name in ("day", "city", "level", "price")} == {
        "day": "2026-01-01", "city": "New York", "level": "1.0", "price": "1"
    }  # fmt: skip
    assert [found[f"d{n}"].text for n in (1, 2, 3)] == ["title 1 in New York", "title 2 in ", "title 3 in Köln"]
    assert found["d2"].fields["city"] is None
    mapping = planned(config).mapping
    assert mapping is not None
    properties = mapping["properties"]
    assert [properties[name]["type"] for name in ("day", "city", "level")] == ["date", "text", "double"]


def test_a_row_that_moves_to_another_partition_has_changed(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits={"max_changed_share": 1.0})
    write(tmp_path / "corpus/state=open", [row(1), row(2)])
    write(tmp_path / "corpus/state=shut", [row(3)])
    live = planned(config)
    write(tmp_path / "corpus/state=open", [row(1)])
    write(tmp_path / "corpus/state=shut", [row(2), row(3)])
    counts = planned(config, live, token="abcdef01").counts
    assert (counts.fields_changed, counts.unchanged) == (1, 2)


def test_an_address_that_takes_a_folder_s_column_away_is_scanned_anew(tmp_path: Path) -> None:
    write(tmp_path / "corpus/year=2026", [row(1)])
    source = {"columns": ["id", "year"]}
    config = config_at(tmp_path, limits={"max_changed_share": 1.0}, source=source)
    live = planned(config)
    narrow = config_at(
        tmp_path, limits={"max_changed_share": 1.0}, source=source | {"uri": f"{tmp_path}/corpus/year=2026/*.parquet"}
    )
    second = planned(narrow, live, token="abcdef01")
    assert second.counts.fields_changed == 1


def test_a_type_may_be_given_and_all_may_be_ignored(tmp_path: Path) -> None:
    write(tmp_path / "corpus/zip=01234/day=20260101", [row(1)])
    typed = config_at(tmp_path, source={"partition_types": {"zip": "string"}})
    assert values_of(typed, "zip", "day") == [("01234", 20260101)]
    ignored = config_at(tmp_path, source={"partitions": "ignore"}, store=str(tmp_path / "other"))
    assert values_of(ignored, "zip", "day") == [("-", "-")]
    wrong = config_at(tmp_path, source={"partition_types": {"day": "date"}})
    with pytest.raises(
        CorpusError, match=r"zip=01234/day=20260101/a\.parquet: the partition's day=20260101 is no date32"
    ):
        plan_shards(wrong)
    unknown = config_at(tmp_path, source={"partition_types": {"dya": "date"}})
    with pytest.raises(ConfigError, match=r"partition_types` names dya, but no folder .*there are: day, zip"):
        plan_shards(unknown)


def test_a_key_that_is_also_a_column_must_agree(tmp_path: Path) -> None:
    config = config_at(tmp_path)
    for day in (1, 2):
        folder = tmp_path / f"corpus/day=2026-01-0{day}"
        folder.mkdir(parents=True)
        columns = {"id": [f"{day}"], "title": ["t"], "body": ["b"], "day": [date(2026, 1, day)]}
        pq.write_table(pa.table(columns), folder / "a.parquet")
    assert values_of(config, "day") == [("2026-01-01",), ("2026-01-02",)]
    (tmp_path / "corpus/day=2026-01-02").rename(tmp_path / "corpus/day=2026-01-03")
    said = r"day=2026-01-03/a\.parquet.*the folder says day=2026-01-03, and the file's own .* holds 2026-01-02"
    with pytest.raises(CorpusError, match=said):
        corpus_documents(config)
    believed = config_at(tmp_path, source={"partitions": "ignore"}, store=str(tmp_path / "other"))
    assert values_of(believed, "day") == [("2026-01-01",), ("2026-01-02",)]
    unread = config_at(tmp_path, source={"columns": ["title"]})
    assert len(corpus_documents(unread)) == 2


def test_only_folders_below_the_part_that_is_no_pattern_count(tmp_path: Path) -> None:
    write(tmp_path / "env=prod/year=2026/month=01", [row(1)])
    for uri, year in ((f"{tmp_path}/env=prod", 2026), (f"{tmp_path}/env=prod/y*/month=*", 2026)):
        config = config_at(tmp_path, source={"uri": uri})
        assert values_of(config, "env", "year", "month") == [("-", year, 1)]
    config = config_at(tmp_path, source={"uri": f"{tmp_path}/env=prod/year=2026/month=01/a.parquet"})
    assert values_of(config, "env", "year", "month") == [("-", "-", "-")]


def test_a_feed_s_day_is_a_column_when_it_is_listed(tmp_path: Path) -> None:
    source = {"uri": f"{tmp_path}/day={{data_date}}/part=*", "columns": ["title", "day", "part"]}
    config = config_at(tmp_path, kind="feed", source=source)
    write(tmp_path / "day=2026-01-31/part=7", [row(1)])
    assert values_of(config, "day", "part", day=date(2026, 1, 31)) == [("2026-01-31", 7)]


def test_a_column_of_text_stays_one_on_a_day_whose_values_look_like_numbers(tmp_path: Path) -> None:
    source = {"uri": f"{tmp_path}/day={{data_date}}", "columns": ["title", "region", "level", "none"]}
    config = config_at(tmp_path, kind="feed", source=source, limits={"max_changed_share": 1.0})

    def of_day(day: int, number: int, path: str, live: Plan | None) -> Plan:
        write(tmp_path / f"day=2026-01-0{day}" / path, [row(number)])
        return planned(config, live, token=f"abcdef0{day}", data_date=date(2026, 1, day))

    def types(plan: Plan) -> list[str]:
        properties = (plan.mapping or {})["properties"]
        return [properties[name]["type"] for name in ("region", "level")]

    with pytest.raises(ConfigError, match=r"'none'.*no value in any file"):
        of_day(1, 1, f"region=2A/level=1/none={NULL}", None)
    (tmp_path / "day=2026-01-01").rename(tmp_path / "elsewhere")
    live = of_day(1, 1, "region=2A/level=1/none=x", None)
    assert types(live) == ["text", "long"]
    next_day = of_day(2, 2, f"region=012/level=2/none={NULL}", live)
    assert (next_day.kind, types(next_day)) == ("delta", ["text", "long"])
    schema = load_schema(Store(config.store), next_day.schema_path).schema
    (found,) = (item for item in part_rows(config, next_day) if item["op"] != "delete")
    at = Place.of(found)
    (document,) = documents_at(config, schema, [at])
    assert [document.fields[name] for name in ("region", "level", "none")] == ["012", 2, None]
    with pytest.raises(CorpusError, match=r"column 'level' is int64 in the live index .* and string in .*level=high"):
        of_day(3, 3, "region=1/level=high/none=x", next_day)


def test_a_field_that_the_owner_declares_as_text_keeps_the_folder_s_words(tmp_path: Path) -> None:
    write(tmp_path / "corpus/zip=01234/size=01", [row(1)])
    config = config_at(tmp_path, index={"fields": {"zip": {"type": "keyword"}, "size": {"type": "short"}}})
    assert values_of(config, "zip", "size") == [("01234", 1)]


def test_a_day_without_any_value_of_a_partition_keeps_its_type(tmp_path: Path) -> None:
    source = {"uri": f"{tmp_path}/day={{data_date}}", "columns": ["title", "part"]}
    config = config_at(tmp_path, kind="feed", source=source)
    write(tmp_path / "day=2026-01-02/part=7", [row(1)])
    live = planned(config)
    save_plan(Store(config.store), live)
    write(tmp_path / f"day=2026-01-03/part={NULL}", [row(2)])
    following = planned(config, live, data_date=date(2026, 1, 3), token="abcdef01")
    assert (following.kind, following.mapping) == (BuildKind.DELTA, live.mapping)
    write(tmp_path / "day=2026-01-04/part=x", [row(3)])
    with pytest.raises(CorpusError, match=r"(?s)'part' is int64 in the live .* string in .*`source\.partition_types`"):
        planned(config, live, data_date=date(2026, 1, 4), token="abcdef02")


def test_a_day_of_a_feed_may_have_no_folder_of_a_typed_partition(tmp_path: Path) -> None:
    """A day without data is a file without rows, wherever it lies."""
    source = {
        "uri": f"{tmp_path}/day={{data_date}}",
        "columns": ["title", "part"],
        "partition_types": {"part": "string"},
    }
    config = config_at(tmp_path, kind="feed", source=source)
    write(tmp_path / "day=2026-01-02/part=07", [row(1)])
    live = planned(config)
    save_plan(Store(config.store), live)
    write(tmp_path / "day=2026-01-03", [], schema=SCHEMA)
    following = planned(config, live, data_date=date(2026, 1, 3), token="abcdef01")
    assert following.kind is BuildKind.NOTHING
    assert "`source.partition_types` names part, but no folder" in following.notes[0]


def test_a_feed_cannot_ignore_the_folders_of_a_column_that_it_lists(tmp_path: Path) -> None:
    """A full build would read the documents of all days without it."""
    source = {"uri": f"{tmp_path}/day={{data_date}}", "columns": ["title", "part"]}
    config = config_at(tmp_path, kind="feed", source=source)
    write(tmp_path / "day=2026-01-02/part=7", [row(1)])
    live = planned(config)
    save_plan(Store(config.store), live)
    ignoring = config_at(tmp_path, kind="feed", source={**source, "partitions": "ignore"})
    with pytest.raises(ConfigError, match=r"part=7/a\.parquet has no column part: only its folders say it"):
        planned(ignoring, live, mode="full", token="abcdef01")


def test_a_dead_letter_shows_the_partition(tmp_path: Path) -> None:
    config = config_at(tmp_path, limits={"max_dead_letter_share": 1.0})
    write(tmp_path / "corpus/city=New%20York", [{**row(1), "id": None}, row(2)])
    plan = planned(config)
    (letter,) = read_letters(Store(config.store), f"{plan.folder}/dead_letters/scan.parquet")
    assert json.loads(letter.source)["city"] == "New York"
