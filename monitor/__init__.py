"""The front door and the wiring: configuration, pipeline, store, HTTP, page and command line."""

__version__ = "0.1.0"
