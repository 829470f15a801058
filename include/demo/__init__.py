"""Sample corpora, queries with graded judgements, and the small demonstration models."""
