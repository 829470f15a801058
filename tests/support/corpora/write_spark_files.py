"""Writes tests/support/corpora/spark/: what Spark itself makes of its types. Run it by hand where pyspark and Java are:

    python tests/support/corpora/write_spark_files.py

The files are kept in the repository (some 25 KB), because Spark is too large for the tests to start. Written by Spark 4.3.0.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

FOLDER = Path(__file__).parent / "spark"
INSTANTS = """SELECT * FROM VALUES
    ('r0', TIMESTAMP '2024-02-29 12:30:00.123456Z'), ('r1', TIMESTAMP '9999-12-31 23:59:59.999999Z'),
    ('r2', TIMESTAMP '0001-01-01 00:00:00Z'), ('r3', TIMESTAMP '1600-01-01 00:00:00Z'),
    ('r4', TIMESTAMP '2300-06-01 00:00:00Z'), ('r5', CAST(NULL AS TIMESTAMP)) AS t(id, at)"""
TYPES = """SELECT id, id AS body, CAST(tiny AS TINYINT) tiny, CAST(small AS SMALLINT) small, whole, CAST(large AS BIGINT) large,
    CAST(f AS FLOAT) f, CAST(d AS DOUBLE) d, CAST(money AS DECIMAL(18, 2)) money, CAST(wide AS DECIMAL(38, 18)) wide,
    CAST(big AS DECIMAL(38, 0)) big, yes, day, raw, list, object, objects, map, local
FROM VALUES
    ('r0', -128, -32768, -2147483648, -9223372036854775808, '-0.0', '4.9E-324', '0.01', '1.5', '9007199254740991', true,
     DATE '0001-01-01', X'C3A9', array(1, NULL), named_struct('a', 1, 'b', 'x'), array(named_struct('a', 1)),
     map('k', 1.5D), TIMESTAMP_NTZ '2024-02-29 12:30:00'),
    ('r1', 127, 32767, 2147483647, 9223372036854775807, '0.1', '1.7976931348623157E308', '-9999999999999.99', '0.1',
     '1000000000000000000000', false, DATE '9999-12-31', X'FF', array(), named_struct('a', NULL, 'b', NULL),
     array(NULL), map(), TIMESTAMP_NTZ '9999-12-31 23:59:59.999999'),
    ('r2', 0, 0, 0, 9007199254740993, 'NaN', 'Infinity', '9999999999999999.99', '0.123456789012345678',
     '12345678901234567890123456789012345678', NULL, DATE '2024-02-29', X'', NULL, NULL, NULL, NULL, NULL)
    AS t(id, tiny, small, whole, large, f, d, money, wide, big, yes, day, raw, list, object, objects, map, local)"""
VARIANTS = """SELECT 'r0' AS id, parse_json('{"a": 1}') AS v"""


def write(frame: DataFrame, name: str, **options: str) -> None:
    """One file, under a plain name."""
    folder = FOLDER / f"{name}.tmp"
    frame.coalesce(1).write.options(**options).mode("overwrite").parquet(str(folder))
    (part,) = folder.glob("*.parquet")
    part.rename(FOLDER / f"{name}.parquet")
    shutil.rmtree(folder)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    for unit in ("INT96", "TIMESTAMP_MICROS", "TIMESTAMP_MILLIS"):
        spark.conf.set("spark.sql.parquet.outputTimestampType", unit)
        write(spark.sql(INSTANTS), f"instants-{unit.lower()}")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    write(spark.sql(TYPES), "types")
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", "true")
    write(spark.sql(TYPES), "types-legacy")
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", "false")
    write(spark.sql(VARIANTS), "variant")
    for what in ("int96", "datetime"):
        spark.conf.set(f"spark.sql.parquet.{what}RebaseModeInWrite", "LEGACY")
    write(spark.sql(INSTANTS), "old-calendar-int96")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    write(spark.sql(INSTANTS), "old-calendar-instants")
    write(spark.sql("SELECT 'r0' AS id, DATE '0001-01-01' AS day, 'x' AS body"), "old-calendar-days")
    partitioned = FOLDER / "partitioned"
    rows = spark.sql(
        "SELECT * FROM VALUES ('r0', 'a b', DATE '2024-02-29'), ('r1', NULL, DATE '2024-03-01') AS t(id, kind, day)"
    )
    rows.coalesce(1).write.mode("overwrite").partitionBy("day", "kind").parquet(str(partitioned))
    for extra in partitioned.rglob(".*"):
        extra.unlink()
    for part in partitioned.rglob("*.parquet"):
        part.rename(part.with_name("part-00000.snappy.parquet"))
    spark.stop()


if __name__ == "__main__":
    main()
