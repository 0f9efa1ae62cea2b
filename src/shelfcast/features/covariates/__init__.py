"""Covariates from the lake's tables, one kind a file."""
