"""Sample corpora, queries with graded judgements, published models for them, and toy models for tests."""
