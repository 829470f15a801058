"""Vectors: one kind, its files."""
