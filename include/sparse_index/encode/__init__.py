"""Texts to vectors: requests in flight, halving failures, chunks as commits."""
