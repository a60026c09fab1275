"""Everything that is stored, behind one SQLAlchemy engine.

Each module holds the functions of one group of tables; they take a Connection, so that all of a batch joins one transaction.
Times are microseconds of event time unless a docstring says otherwise.
"""

from monitor.store.engine import Store
from monitor.store.failures import TransientStoreError
from monitor.store.locks import Lock

__all__ = ["Lock", "Store", "TransientStoreError"]
