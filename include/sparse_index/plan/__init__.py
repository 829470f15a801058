"""From a scanned corpus to a frozen plan: what changed, what must be encoded, what the candidate will hold."""
