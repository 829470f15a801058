"""A real OpenSearch on this machine, made from published packages; only Python is needed."""

from local_cluster.cluster import LocalCluster, lost, running, start, stop
from local_cluster.errors import LocalClusterError

__all__ = ["LocalCluster", "LocalClusterError", "lost", "running", "start", "stop"]
