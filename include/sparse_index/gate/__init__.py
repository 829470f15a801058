"""The checks between a complete candidate and promotion."""
