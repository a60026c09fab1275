"""Scores of an answer against what was expected or observed."""
