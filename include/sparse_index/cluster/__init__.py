"""The cluster: one client, its errors, and what nodes and settings say."""
