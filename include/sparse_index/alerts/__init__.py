"""What people are told of a run, and through whom."""
