"""The Airflow edge of the sparse index: connection and context go in, the core works, small JSON comes out."""
