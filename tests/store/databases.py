"""Databases of the tests: files of SQLite, and those of a PostgreSQL server of our own."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from monitor.store import Store
from monitor.store.tables import metadata


class Sqlite:
    """Databases as files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, count()
        self.template = _migrated(self.empty())

    def empty(self) -> str:
        """The URL of a database without tables."""
        return f"sqlite:///{self.folder / f'{next(self.numbers)}.db'}"

    def ready(self) -> str:
        """The URL of a database of the newest revision with no rows."""
        fresh = self.empty()
        shutil.copyfile(self.template.removeprefix("sqlite:///"), fresh.removeprefix("sqlite:///"))
        return fresh


class Postgres:
    """Databases of a server that listens on a socket in one folder."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder, self.user, self.numbers = folder, user, count()
        self.shared = _migrated(self.empty())

    def empty(self) -> str:
        """The URL of a database without tables."""
        name = f"test{next(self.numbers)}"
        self._run("postgres", f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.folder}"

    def ready(self) -> str:
        """The URL of a database of the newest revision with no rows: always the same, since making one takes a second."""
        self._run("test0", f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
        return self.shared

    def _run(self, database: str, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self.folder), user=self.user, dbname=database, autocommit=True) as c:
            c.execute(statement)


def _migrated(url: str) -> str:
    store = Store(url)
    store.upgrade()
    store.close()
    return url


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for as long as the block lasts; skips where its programs or psycopg are missing."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not programs or importlib.util.find_spec("psycopg") is None:
        pytest.skip("PostgreSQL or psycopg is not installed (apt-get install postgresql; pip install psycopg[binary])")
    binaries, own = programs[-1].parent, pwd.getpwuid(os.getuid())
    account = pwd.getpwnam("postgres") if own.pw_uid == 0 else own  # initdb refuses root
    switch: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if own.pw_uid == 0 else {}

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **switch)

    folder = Path(tempfile.mkdtemp(prefix="plumbline-pg-", dir="/tmp"))  # a socket's path must be short
    os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={account.pw_name}")
        settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB")
        options = " ".join((f"-k {folder}", *(f"-c {setting}" for setting in settings)))
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        try:
            yield Postgres(folder, account.pw_name)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)
