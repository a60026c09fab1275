"""HTTP: capture and reading."""
