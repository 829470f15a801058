"""Golden sets, and how good the answers to them are."""
