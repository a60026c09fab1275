"""The demonstration: simulated traffic of a support assistant with a known story, and the command that plays it."""
