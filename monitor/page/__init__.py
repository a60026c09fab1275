"""The page, rendered on the server."""
