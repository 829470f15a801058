"""Airflow with Celery on several "machines" of this one, which share the network and an S3-compatible store and nothing else."""
