"""The candidate index: mapping, bulk writes, books, promotion, retirement."""
