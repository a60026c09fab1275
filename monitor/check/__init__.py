"""Files of interactions as panes, and two of them compared once: no service, no configuration."""
