"""Real brokers for tests and the bench, started by scripts/kafka; and the topics' names made free again."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from kafka.admin import KafkaAdminClient

from streams.broker import ALERTS, DEAD_LETTER, FEEDBACK, FINDINGS, INTERACTIONS, Broker, Sasl, Tls

SCRIPT = Path(__file__).parents[2] / "scripts" / "kafka"
TOPICS = (INTERACTIONS, FEEDBACK, FINDINGS, ALERTS, DEAD_LETTER)
CANNOT = 3


class CannotRunError(Exception):
    """This machine cannot run a broker; the text says why."""


class Kafka:
    """A broker whose data is in `folder`: it can die and come back with them, on the same port.

    `start` returns once it answers; `kill` and `freeze` are what they say. As a context manager it starts and stops.
    """

    def __init__(self, folder: Path, *, secure: bool = False) -> None:
        self.folder, self.secure = folder, secure
        self.listeners: dict[str, str] = {}
        """PLAINTEXT, and with `secure` SSL and SASL_SSL -> host:port; known once it has started."""

    def start(self) -> None:
        """Raises CannotRunError where Java, Maven or the jars are missing."""
        done = self._script("start", *(["--secure"] if self.secure else []))
        if done.returncode == CANNOT:
            raise CannotRunError(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        plain, *others = done.stdout.splitlines()
        self.listeners = {"PLAINTEXT": plain, **dict(line.split(" ", 1) for line in others)}

    def stop(self) -> None:
        """Ends it in order; harmless where it does not run."""
        assert self._script("stop").returncode == 0

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while self._script("status").returncode == 0:
            assert time.monotonic() < until, "the broker outlives kill -9"

    def freeze(self) -> None:
        """Holds the process until `thaw`: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return int((self.folder / "pid").read_text())

    @property
    def broker(self) -> Broker:
        """How clients reach it, without TLS."""
        return Broker((self.listeners["PLAINTEXT"],))

    @property
    def certificates(self) -> Path:
        """The folder with ca.pem, client.pem and client.key of a secure one."""
        return self.folder / "secure"

    def with_tls(self) -> Broker:
        """How clients reach the listener that wants their certificate."""
        ca, certificate, key = (str(self.certificates / name) for name in ("ca.pem", "client.pem", "client.key"))
        return Broker((self.listeners["SSL"],), Tls(ca, certificate, key))

    def with_sasl(self, mechanism: str, username: str = "plumbline", password: str = "plumbline-secret") -> Broker:
        """How clients reach the listener that wants a password."""
        tls = Tls(str(self.certificates / "ca.pem"))
        return Broker((self.listeners["SASL_SSL"],), tls, Sasl(mechanism, username, password))

    def _script(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), command, "--dir", str(self.folder), *options], capture_output=True, text=True, check=False
        )

    def __enter__(self) -> "Kafka":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def delete_topics(broker: Broker, names: Iterable[str] = TOPICS) -> None:
    """Takes topics of ours away, with what is in them, and waits until their names are free."""
    with KafkaAdminClient(**broker.settings()) as admin:
        until = time.monotonic() + 30
        while there := sorted(set(names) & set(admin.list_topics())):
            assert time.monotonic() < until, f"{there} are still there"
            admin.delete_topics(there, raise_errors=False)
