"""The revisions, oldest first by name. One that a release has shipped is never edited."""
