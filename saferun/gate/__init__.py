"""The gate: the static program that a container starts with, one for each architecture."""
