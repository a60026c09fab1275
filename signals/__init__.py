"""A batch of interactions to columns of signals. Pure; floor 1."""

from signals.catalogue import SIGNALS
from signals.compute import compute
from signals.safety import redact

__all__ = ["SIGNALS", "compute", "redact"]
