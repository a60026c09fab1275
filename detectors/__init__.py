"""Panes to comparisons to findings. Pure; floor 1."""
