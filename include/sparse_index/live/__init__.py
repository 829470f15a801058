"""What stands behind the alias."""
