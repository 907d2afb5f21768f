"""The worker process as the asking one sees it: started when first needed, kept, ended with it."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from lineage.sql.results import SqlLineage, StatementLineage

WALL_SECONDS = 9.0
"""How long the worker may take for one text, the start of the process (0.3 s) included: under 10 s in all."""

OPINION_SECONDS = 5.0
"""How long the second engine may take for the statements of one text, once it is loaded (2 s)."""

OUT_OF_MEMORY = 77
"""The worker's exit status when a text took more memory than it may."""

NO_SCHEMA = "lineage_no_schema"
"""What sqllineage, which looks up no table without a schema, is told to call the schema of one."""


READY, LOADED, DONE = "ready", "loaded", "done"
"""What a worker says when it has started, when the second engine is loaded, and after its last answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `extract`, as they go to the worker; `schema` has the columns by table."""

    sql: str
    dialect: str | None
    schema: tuple[tuple[str, tuple[str, ...]], ...]
    default_namespace: str | None
    default_schema: str | None
    confirm: bool


@dataclass(frozen=True, slots=True)
class Read:
    """The first engine's answer; `asking` are the places of the statements that go to the second one."""

    lineage: SqlLineage
    asking: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """The second engine's answer for one statement of `Read`: what takes its place."""

    place: int
    statements: tuple[StatementLineage, ...]


@dataclass(slots=True)
class Reply:
    """What a worker answered before it was done or failed; `fault` says how it failed.

    `passing` is a fault that says nothing about the text: the next try may well succeed.
    """

    read: Read | None = None
    opinions: dict[int, tuple[StatementLineage, ...]] = field(default_factory=dict)
    fault: str | None = None
    passing: bool = False


class Worker:
    """A process that reads SQL, started by the first `ask` and again by the next one after a fault.

    Threads take turns. A child made by os.fork starts one of its own. The worker leads a process group,
    so that an interrupt from the terminal is for the asking process to handle.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.stop)

    @property
    def pid(self) -> int | None:
        """The process id of the running worker, None where there is none."""
        return None if self._process is None else self._process.pid

    def ask(self, request: Request, seconds: float = WALL_SECONDS) -> Reply:
        """Return what the worker answers within `seconds`; never raises for what the worker does."""
        if self._owner != os.getpid():  # forked where Python could not see it
            self._forget()
        reply, deadline = Reply(), time.monotonic() + seconds
        done = False
        with self._lock:
            try:
                self._converse(request, reply, deadline)
                done = True
            except TimeoutError:
                who = "sqllineage" if reply.read is not None else "the worker process"
                reply.fault = f"{who} did not answer in time and was ended"
            except (EOFError, OSError) as fault:
                reply.fault, reply.passing = self._epitaph(fault)
            finally:
                if not done:
                    self._end()
        return reply

    def stop(self) -> None:
        """End the worker process, if there is one."""
        if self._owner == os.getpid():
            with self._lock:
                self._end()

    def _converse(self, request: Request, reply: Reply, deadline: float) -> None:
        connection = self._connection if self._is_alive() else self._start(deadline)
        assert connection is not None
        connection.send(request)
        limit = deadline
        while (frame := _receive(connection, limit)) != DONE:
            if isinstance(frame, Read):
                reply.read = frame
            elif isinstance(frame, Opinion):
                reply.opinions[frame.place] = frame.statements
            elif frame == LOADED:
                limit = min(deadline, time.monotonic() + OPINION_SECONDS)

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self, deadline: float) -> Connection:
        self._end()
        ours, theirs = Pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lineage.sql.worker"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",  # away from any .sqlfluff or setup.cfg that would change the answers
                env=_environment(),
                process_group=0,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._connection = ours
        _receive(
            ours, deadline
        )  # it says that it is ready; a long request would not fit into the pipe before
        return ours

    def _end(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is None:
            return
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not become a group's leader yet
                process.kill()
        process.wait()

    def _forget(self) -> None:
        """Start over in a forked child: the parent's worker is the parent's."""
        process, connection = self._process, self._connection
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.returncode = 0  # no child of this process: nothing to wait for

    def _epitaph(self, fault: Exception) -> tuple[str, bool]:
        """Return what became of the process, and whether that is no fault of the text."""
        if self._process is None:
            return f"the worker process could not be started ({type(fault).__name__})", True
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return f"the worker process could not be reached ({type(fault).__name__})", True
        if status == OUT_OF_MEMORY:
            return "the worker process took too much memory and was ended", False
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"the worker process {how}", status >= 0 or status == -signal.SIGTERM


def _receive(connection: Connection, limit: float) -> object:
    """Return the worker's next frame; raises TimeoutError when none has come by the limit."""
    if not connection.poll(max(0.0, limit - time.monotonic())):
        raise TimeoutError
    return connection.recv()


def _environment() -> dict[str, str]:
    """Return our own environment, in which the worker finds the modules that this process finds."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "SQLLINEAGE_DEFAULT_SCHEMA": NO_SCHEMA}
