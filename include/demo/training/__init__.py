"""Trains the three demonstration models. Needs torch and tokenizers, which nothing else in the project needs."""
