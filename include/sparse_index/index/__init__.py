"""The candidate index: made, filled by bulk requests, promoted; and documents that are removed from it."""
