"""The books of a build: closed, or it stops."""
