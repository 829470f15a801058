"""What a person sees of corpora and builds: frozen views of receipts, plans, dead letters and indices, and their charts."""
