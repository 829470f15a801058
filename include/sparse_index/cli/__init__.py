"""The core without Airflow, for one corpus file: how a newcomer debugs a corpus."""
