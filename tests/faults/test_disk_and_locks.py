"""Disks that are full or cannot be written, and stores that belong to somebody else: refused, said why, nothing lost."""

import errno
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest

from monitor.store import tables
from tests.faults.crashing import Driver
from tests.faults.stored import read
from tests.faults.traffic import Day, total
from tests.monitor.process import Process, serving, start, write_config

DAY = Day(0, 14, 0, 400)
Squeeze = Callable[[Process, Path], None]


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own on `directory`."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip() or os.getuid()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def take_room(directory: Path, left: int) -> None:
    """Fill a file system but for so many bytes, whoever else writes to it meanwhile."""
    with (directory / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1 << 16)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC
        filler.truncate(max(0, filler.tell() - left))


def fill(process: Process, directory: Path) -> None:
    """Leave half a megabyte."""
    take_room(directory, 1 << 19)


def limit(process: Process, directory: Path) -> None:
    """No file of the process may grow beyond what its largest has now."""
    largest = max(file.stat().st_size for file in directory.iterdir())
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (largest, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def refused_or_ended(process: Process, answer: Callable[[], httpx.Response]) -> bool:
    """Whether a request is no longer taken. Then the service says so, or it has ended because it cannot count any more."""
    try:
        status = answer().status_code
        if status == 202:
            return False
        assert status in (429, 503), status
        assert process.client.get("/readyz").status_code == 503
    except httpx.TransportError:
        assert process.ends() == 1
    return True


@pytest.mark.parametrize("squeeze", [fill, pytest.param(limit, marks=pytest.mark.faults)])
def test_what_was_accepted_survives_a_disk_without_room(squeeze: Squeeze, tmp_path: Path) -> None:
    requests = DAY.requests()
    with small_disk(tmp_path, 48) if squeeze is fill else nullcontext():
        driver = Driver(write_config(tmp_path))
        with driver.running() as process:
            for request in requests[:6]:
                assert process.client.post(request.path, content=request.body).status_code == 202
            squeeze(process, tmp_path)
            taken = 6
            for request in requests[6:]:
                if refused_or_ended(process, lambda r=request: process.client.post(r.path, content=r.body)):  # type: ignore[misc]
                    break
                taken += 1
        assert taken < len(requests), "the disk has room for all of it"
        (tmp_path / "filler").unlink(missing_ok=True)
        driver.settle()
        counted = sum(counters.interactions for counters in read(tmp_path).counters.values())
        accepted = total(requests[:taken], "/v1/interactions")
        assert accepted <= counted <= total(requests[: taken + 1], "/v1/interactions")
        driver.send(requests[taken:], kills=0, seed=0)
        driver.settle()
        counters = read(tmp_path).counters.values()
        assert sum(c.interactions for c in counters) == total(requests, "/v1/interactions")
        assert sum(c.duplicates for c in counters) == counted - accepted


def test_a_service_says_when_the_disk_has_room_again(tmp_path: Path) -> None:
    """The log alone is on the small disk, so that counting goes on."""
    small = tmp_path / "small"
    small.mkdir()
    config = write_config(tmp_path)
    with small_disk(small, 8):
        (tmp_path / "plumbline.log.db").symlink_to(small / "plumbline.log.db")
        body = DAY.requests()[0].body
        with serving(config) as process:
            assert process.client.post("/v1/interactions", content=body).status_code == 202
            fill(process, small)
            padded = body + b"\n" + b'{"id": "large", "timestamp": 0, "application": "a", "prompt": "%s"}' % (b"x" * 900_000)
            answer = process.client.post("/v1/interactions", content=padded)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
            assert "disk" in answer.json()["error"]["message"]
            ready = process.client.get("/readyz")
            assert ready.status_code == 503
            assert "make room" in ready.json()["problems"]["log"]
            (small / "filler").unlink()
            assert process.client.get("/readyz").status_code == 200
            assert process.client.post("/v1/interactions", content=padded).status_code == 202


def test_a_store_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path, 16):
        config = write_config(tmp_path)
        with serving(config) as process:
            process.popen.terminate()
            assert process.ends() == 0
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        code, said = _start(config)
        assert code == 2
        assert str(tmp_path) in said
        assert "Traceback" not in said


def test_a_second_service_on_the_same_store_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config) as process:
        code, said = _start(config)
        assert (code, "another plumbline serves this store" in said) == (2, True)
        assert "Traceback" not in said
        assert process.client.get("/readyz").status_code == 200


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with serving(config) as process:
        process.popen.terminate()
        assert process.ends() == 0
    with sqlite3.connect(tmp_path / "plumbline.db") as c:
        c.execute("UPDATE alembic_version SET version_num = '9999'")
    c.close()
    code, said = _start(config)
    assert code == 2
    assert "upgrade plumbline" in said
    assert "9999" in said
    with sqlite3.connect(tmp_path / "plumbline.db") as c:
        assert c.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
        assert {name for (name,) in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} >= set(
            tables.metadata.tables
        )
    c.close()


def _start(config: Path) -> tuple[int, str]:
    """Exit code and log of a service that is expected not to start."""
    popen = start("-c", str(config))
    _, said = popen.communicate(timeout=60)
    return popen.returncode, said
