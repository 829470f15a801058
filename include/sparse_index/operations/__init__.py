"""What an operator does beside the daily run: go back, redrive, tidy up."""
