from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from syncd import embedded
from syncd.embedded.account import processes
from syncd.errors import ConfigError

USER_OF_SERVERS = """
import sys
from pathlib import Path
from syncd import embedded
with embedded.start(Path(sys.argv[1])) as running:
    print(running.database_url, flush=True)
    sys.stdin.readline()
"""


class Neighbour:
    """Another process that uses the servers until it is told to leave."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", USER_OF_SERVERS, str(home)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def started(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("leave\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def place() -> Iterator[Path]:
    """A home with a short path; whatever runs there is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="syncd-") as folder:
        home = Path(folder).resolve() / "home"
        yield home
        embedded.stop(home)


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split("\n")[0]))


def end(process: psutil.Process) -> None:
    """Kill it, and wait until it is dead: the signal takes its time on a busy machine."""
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        pass


def running(home: Path) -> int:
    return len(processes("postgres", home / "postgres") + processes("valkey-server", home / "valkey"))


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


def test_the_servers_answer_and_keep_their_durable_settings(place: Path) -> None:
    with embedded.start(place) as servers:
        assert ask(servers.database_url, "SELECT current_setting('server_version_num')::int / 10000") == 18
        assert ask(servers.database_url, "SELECT current_database()") == "syncd"
        assert ask(servers.database_url, "SELECT lower('ЁЛКА')") == "ёлка"
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert ask(servers.database_url, f"SELECT current_setting('{name}')") == "on"
        assert ask(servers.database_url, "SELECT current_setting('listen_addresses')") == ""
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.config_get("maxmemory")["maxmemory"] == str(256 * 1024 * 1024)
            assert client.config_get("port")["port"] == "0"
    assert running(place) == 0


def test_the_servers_never_run_as_root_and_others_cannot_reach_their_sockets(place: Path) -> None:
    with embedded.start(place):
        for process in processes("postgres", place / "postgres") + processes("valkey-server", place / "valkey"):
            assert process.uids().effective != 0
        assert (place / "run").stat().st_mode & 0o077 == 0
        assert (place / "postgres").stat().st_mode & 0o077 == 0


def test_one_server_can_be_had_without_the_other(place: Path) -> None:
    with embedded.start(place, postgres=False) as servers:
        assert servers.database_url == ""
        assert not (place / "postgres").exists()
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_a_short_call_that_attaches_leaves_the_servers_to_their_users(place: Path) -> None:
    with embedded.start(place) as servers:
        pid = postmaster(place).pid
        neighbour = Neighbour(place)
        assert neighbour.started() == servers.database_url
        neighbour.leave()
        assert postmaster(place).pid == pid
        assert ask(servers.database_url, "SELECT 1") == 1


def test_the_last_user_stops_the_servers_whoever_started_them(place: Path) -> None:
    neighbour = Neighbour(place)
    neighbour.started()
    servers = embedded.start(place)
    neighbour.leave()
    assert ask(servers.database_url, "SELECT 1") == 1
    assert servers.stop()
    assert running(place) == 0


def test_a_second_stop_does_not_take_the_servers_from_others(place: Path) -> None:
    first, second = embedded.start(place), embedded.start(place)
    assert not first.stop()
    assert not first.stop()
    assert ask(second.database_url, "SELECT 1") == 1
    assert second.stop()


def test_processes_that_start_at_the_same_moment_share_one_server(place: Path) -> None:
    neighbours = [Neighbour(place) for _ in range(4)]
    assert len({neighbour.started() for neighbour in neighbours}) == 1
    assert len(processes("valkey-server", place / "valkey")) == 1
    for neighbour in neighbours:
        neighbour.leave()
    assert running(place) == 0


def test_servers_of_a_killed_process_are_adopted_and_stopped_at_the_end_of_the_next(place: Path) -> None:
    neighbour = Neighbour(place)
    neighbour.started()
    pid = postmaster(place).pid
    neighbour.kill()
    assert psutil.pid_exists(pid)
    servers = embedded.start(place)
    assert postmaster(place).pid == pid
    assert servers.stop()
    assert running(place) == 0


def test_a_killed_postgres_comes_back_with_what_was_committed(place: Path) -> None:
    with embedded.start(place) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        end(postmaster(place))
        assert servers.ensure_alive() == ("Postgres",)
        assert servers.ensure_alive() == ()
        assert ask(servers.database_url, "SELECT n FROM kept") == 7


def test_a_backend_that_outlives_a_killed_postgres_does_not_keep_it_down(place: Path) -> None:
    def count() -> None:
        with psycopg.connect(servers.database_url, autocommit=True) as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT count(*) FROM generate_series(1, 1000000000) a WHERE a % 2 = 3")

    with embedded.start(place) as servers:
        busy = threading.Thread(target=count)
        busy.start()
        active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1, %' AND state = 'active'"
        while ask(servers.database_url, active + " AND pid <> pg_backend_pid()") == 0:
            pass
        end(postmaster(place))
        assert servers.ensure_alive() == ("Postgres",)
        busy.join(30)
        assert not busy.is_alive()
        assert ask(servers.database_url, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_a_stranger_harms_neither(place: Path) -> None:
    with embedded.start(place) as servers:
        lines = (place / "postgres" / "postmaster.pid").read_text().split("\n")
        end(postmaster(place))
        stranger = subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
        (place / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
        assert servers.ensure_alive() == ("Postgres",)
        assert stranger.poll() is None
        stranger.communicate(b"\n", timeout=10)
        assert ask(servers.database_url, "SELECT 1") == 1


def test_a_killed_valkey_comes_back_at_the_same_address(place: Path) -> None:
    with embedded.start(place) as servers:
        (valkey,) = processes("valkey-server", place / "valkey")
        valkey.kill()
        assert servers.ensure_alive() == ("Valkey",)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_a_valkey_whose_socket_was_deleted_is_replaced(place: Path) -> None:
    with embedded.start(place) as servers:
        (place / "run" / "valkey.sock").unlink()
        assert servers.ensure_alive() == ("Valkey",)
        assert len(processes("valkey-server", place / "valkey")) == 1


def test_a_home_deleted_under_running_servers_can_be_made_anew(place: Path) -> None:
    neighbour = Neighbour(place)
    neighbour.started()
    neighbour.kill()
    shutil.rmtree(place)
    with embedded.start(place) as servers:
        assert ask(servers.database_url, "SELECT 1") == 1
        assert servers.ensure_alive() == ()
    with embedded.start(place) as servers:
        assert ask(servers.database_url, "SELECT 1") == 1
    assert running(place) == 0


def test_a_cluster_whose_making_was_interrupted_is_made_anew(place: Path) -> None:
    half = place / "postgres.new-0000"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded.start(place, valkey=False) as servers:
        assert ask(servers.database_url, "SELECT 1") == 1
    assert not half.exists()


def test_a_path_too_long_for_sockets_and_full_of_odd_letters_works(place: Path) -> None:
    home = place / "папка, с 'запятой'" / ("x" * 120)
    try:
        with embedded.start(home) as servers:
            assert ask(servers.database_url, "SELECT 1") == 1
            with redis.Redis.from_url(servers.redis_url) as client:
                assert client.ping()
            neighbour = Neighbour(home)
            assert neighbour.started() == servers.database_url
            neighbour.leave()
    finally:
        embedded.stop(home)


def test_a_server_that_cannot_start_is_an_e405_with_the_end_of_its_log(place: Path) -> None:
    embedded.start(place).stop()
    (place / "postgres" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(ConfigError) as caught:
        embedded.start(place)
    assert caught.value.code == "E405"
    assert "postgres.log" in str(caught.value)
    assert "pg_control" in str(caught.value) or "control file" in str(caught.value)
    assert running(place) == 0


def test_data_of_another_postgres_version_is_refused_in_both_languages(place: Path) -> None:
    embedded.start(place, valkey=False).stop()
    (place / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigError) as caught:
        embedded.start(place, valkey=False)
    assert "Postgres 16" in caught.value.text("en")
    assert (place / "postgres" / "PG_VERSION").read_text() == "16\n"


def test_strange_files_in_the_place_of_the_cluster_are_not_touched(place: Path) -> None:
    (place / "postgres").mkdir(parents=True)
    (place / "postgres" / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError) as caught:
        embedded.start(place, valkey=False)
    assert caught.value.code == "E405"
    assert (place / "postgres" / "diary.txt").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_runs_the_servers_under_its_own_name(place: Path) -> None:
    nobody = 65534
    place.parent.chmod(0o755)
    place.mkdir()
    os.chown(place, nobody, nobody)
    # A forked child, because the interpreter itself may lie where an ordinary user cannot start it.
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(nobody)
            os.setuid(nobody)
            with embedded.start(place) as servers:
                fine = ask(servers.database_url, "SELECT 1") == 1
            os._exit(0 if fine else 1)
        except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
            traceback.print_exc()
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert {path.stat().st_uid for path in (place / "postgres").iterdir()} == {nobody}
    assert running(place) == 0


def test_ctrl_c_in_the_terminal_reaches_us_and_not_the_servers(place: Path) -> None:
    with embedded.start(place) as servers:
        for process in processes("postgres", place / "postgres") + processes("valkey-server", place / "valkey"):
            assert os.getpgid(process.pid) != os.getpgid(os.getpid())
        assert ask(servers.database_url, "SELECT 1") == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
