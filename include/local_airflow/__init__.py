"""Airflow's own services on this machine, for the demo and the tests that kill them."""
