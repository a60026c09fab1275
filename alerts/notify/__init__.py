"""Where a notification goes: one module per format."""
