"""The nouns: what every other package speaks of. Floor 0, imports nothing of ours."""
