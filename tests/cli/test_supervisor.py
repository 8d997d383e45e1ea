"""Roles that run, die and are started again."""

from __future__ import annotations

import gc
import os
import signal
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
