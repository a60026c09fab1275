"""Databases of the tests: files of SQLite, and those of a PostgreSQL server of our own."""

import importlib.util
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
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


SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "shared_buffers=32MB",
    "deadlock_timeout=50ms",
    "wal_retrieve_retry_interval=50ms",
)


class Postgres:
    """Databases of a server of our own that listens on a socket in one folder."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        own = pwd.getpwuid(os.getuid())
        account = pwd.getpwnam("postgres") if own.pw_uid == 0 else own  # initdb refuses root
        self.folder, self.user, self.numbers = folder, account.pw_name, count()
        self.binaries, self._ids = binaries, (account.pw_uid, account.pw_gid)
        self.own(folder)

    def create(self) -> None:
        """Make the server's data."""
        authentication = ("--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={self.user}")
        self.run("initdb", "--no-sync", *authentication)

    def follow(self, primary: "Postgres") -> None:
        """Make the server's data those of a standby."""
        self.run("pg_basebackup", "-h", str(primary.folder), "-U", self.user, "-R", "--no-sync", "-c", "fast")

    def start(self, *settings: str) -> None:
        """Start the server and wait until it answers."""
        options = " ".join((f"-k {self.folder}", *(f"-c {setting}" for setting in (*SETTINGS, *settings))))
        self.run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def promote(self) -> None:
        """Make a standby the primary."""
        self.run("pg_ctl", "promote", "-w")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `fast` as a restart does, `immediate` as a crash does."""
        self.run("pg_ctl", "stop", "-w", "-m", mode)

    def kill(self) -> None:
        """kill -9, and wait until all its processes are gone."""
        process = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        waited = [os.pidfd_open(int(pid)) for pid in (process, *children)]
        os.kill(process, signal.SIGKILL)
        for descriptor in waited:
            assert select.select([descriptor], [], [], 60)[0]
            os.close(descriptor)
        for lock in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):  # a process that nobody waits for looks alive to them
            (self.folder / lock).unlink()

    def own(self, folder: Path) -> None:
        """Let the server write to a folder."""
        os.chown(folder, *self._ids)

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs on this server's data."""
        user, group = self._ids
        switch: dict[str, Any] = {"user": user, "group": group, "extra_groups": []} if os.getuid() == 0 else {}
        command = [str(self.binaries / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **switch)

    def empty(self, where: str = "") -> str:
        """The URL of a database without tables."""
        database = f"test{next(self.numbers)}"
        self.execute("postgres", f"CREATE DATABASE {database} {where}")
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.folder}"

    @cached_property
    def shared(self) -> str:
        return _migrated(self.empty())

    def ready(self) -> str:
        """The URL of a database of the newest revision with no rows: always the same, since making one takes a second."""
        self.execute(name(self.shared), f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
        return self.shared

    def execute(self, database: str, statement: str) -> None:
        """Run a statement outside of any transaction."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user=self.user, dbname=database, autocommit=True) as c:
            c.execute(statement)


def name(url: str) -> str:
    """The database's."""
    return url.split("/")[3].split("?")[0]


def _migrated(url: str) -> str:
    store = Store(url)
    store.upgrade()
    store.close()
    return url


@contextmanager
def postgres(primary: Postgres | None = None) -> Iterator[Postgres]:
    """A PostgreSQL server for as long as the block lasts, a standby of `primary` where it is given.

    Skips where its programs or psycopg are missing.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not programs or importlib.util.find_spec("psycopg") is None:
        pytest.skip("PostgreSQL or psycopg is not installed (apt-get install postgresql; pip install psycopg[binary])")
    folder = Path(tempfile.mkdtemp(prefix="plumbline-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        server = Postgres(folder, programs[-1].parent)
        if primary:
            server.follow(primary)
        else:
            server.create()
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop("immediate")
    finally:
        shutil.rmtree(folder)
