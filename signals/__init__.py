"""A batch of interactions to columns of signals. Pure; floor 1."""
