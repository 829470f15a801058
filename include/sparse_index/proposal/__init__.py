"""A first corpus file, proposed from Parquet files that nobody has configured yet."""
