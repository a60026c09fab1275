"""A real broker and a real PostgreSQL, as the tests of Kafka have them."""

from tests.kafka.conftest import broker, database, postgresql, shared_broker

__all__ = ["broker", "database", "postgresql", "shared_broker"]
