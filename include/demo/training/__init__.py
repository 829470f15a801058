"""Trains the three toy models. Needs torch and tokenizers, which nothing else in the project needs."""
