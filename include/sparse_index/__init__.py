"""Keep an OpenSearch index of learned sparse vectors equal to a Parquet corpus. No Airflow in here."""

__version__ = "0.2.0.dev0"
