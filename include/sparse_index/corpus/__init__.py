"""Reading Parquet corpora: files, shards, rows, values, hashes, manifests."""
