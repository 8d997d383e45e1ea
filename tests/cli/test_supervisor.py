"""Roles that run, die and are started again."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

from syncd.cli.runtime import Servers
from syncd.cli.supervisor import Supervisor


def test_a_role_that_died_is_started_again_and_its_pipe_is_closed(database_url: str, home: Path) -> None:
    del home
    never = threading.Event()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        with Supervisor(Servers(database_url, None, None), "127.0.0.1", 0, roles=("scheduler",)) as supervisor:
            first = supervisor.pid("scheduler")
            os.kill(first, signal.SIGKILL)
            deadline = time.monotonic() + 30
            while supervisor.pid("scheduler") == first and time.monotonic() < deadline:
                supervisor.mend()
                never.wait(0.05)
            assert supervisor.pid("scheduler") != first
            gc.collect()
    assert [str(warning.message) for warning in caught if warning.category is ResourceWarning] == []


def autogroup(pid: int) -> str:
    found = Path(f"/proc/{pid}/autogroup")
    return found.read_text().split()[-1] if found.exists() and found.read_text().strip() else ""


def test_a_worker_gives_way_to_those_who_answer(database_url: str, home: Path) -> None:
    del home
    servers = Servers(database_url, None, None)
    with Supervisor(servers, "127.0.0.1", 0, roles=("api", "worker")) as supervisor:
        assert supervisor.wait_until_ready(threading.Event())
        api, worker = supervisor.pid("api"), supervisor.pid("worker")
        deadline = time.monotonic() + 30
        while os.getpriority(os.PRIO_PROCESS, worker) != 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (os.getpriority(os.PRIO_PROCESS, worker), os.getpriority(os.PRIO_PROCESS, api)) == (10, 0)
        time.sleep(0.2)
        if autogroup(os.getpid()):  # Linux with autogroup, outside of control groups
            assert (autogroup(worker), autogroup(api)) == ("10", "0")


def test_the_session_of_a_terminal_keeps_its_priority() -> None:
    before = autogroup(os.getpid())
    program = "from syncd.cli.roles import give_way; give_way(); import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["10"]
    assert autogroup(os.getpid()) == before
