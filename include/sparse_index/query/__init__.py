"""Searching the live index."""
