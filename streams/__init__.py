"""How records move, and panes of event time. Floor 1."""
