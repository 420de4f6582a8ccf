"""Hypothesis strategies that more than one package of tests uses."""
