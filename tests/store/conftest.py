"""Every test of the store runs on every database it supports."""

from collections.abc import Iterator

import pytest

from monitor.store import Store
from tests.store import databases


@pytest.fixture(scope="session")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> databases.Sqlite:
    return databases.Sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[databases.Postgres]:
    with databases.postgres() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> databases.Sqlite | databases.Postgres:
    found: databases.Sqlite | databases.Postgres = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def url(server: databases.Sqlite | databases.Postgres) -> str:
    """A database with all tables and no rows."""
    return server.ready()


@pytest.fixture
def empty_url(server: databases.Sqlite | databases.Postgres) -> str:
    """A fresh database without tables."""
    return server.empty()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()
