"""Brokers and databases of the deployments that are put under stress here."""

from tests.kafka.conftest import broker, database, kafka, postgresql, running, secure_kafka, shared_broker

__all__ = ["broker", "database", "kafka", "postgresql", "running", "secure_kafka", "shared_broker"]
