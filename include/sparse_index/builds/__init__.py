"""What one build leaves in the store."""
