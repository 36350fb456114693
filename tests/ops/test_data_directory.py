"""One environment a data directory: a second start says what runs, and a crash leaves nothing in the way."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from techdengue.dev.errors import AlreadyRunningError, DevError
from techdengue.dev.ports import LOOPBACK, free_port_from, free_ports, is_free
from techdengue.dev.private_files import keep_secret, keep_signing_key
from techdengue.dev.processes import command_of, is_running
from techdengue.dev.state import DataDirectory, DevState, RunningProcess, read_state

STATE = DevState(pid=4711, urls={"API": "http://127.0.0.1:8000"}, environment={"TECHDENGUE_PORT": "8000"}, processes=[])


def test_a_second_holder_is_told_what_is_running_and_where(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        directory.write(STATE)
        with pytest.raises(AlreadyRunningError) as raised, DataDirectory(tmp_path):
            pass
    assert "already running" in raised.value.summary
    assert "pid 4711" in raised.value.summary
    assert "http://127.0.0.1:8000" in raised.value.summary


def test_a_second_holder_is_told_that_the_first_is_still_starting(tmp_path: Path) -> None:
    with DataDirectory(tmp_path), pytest.raises(AlreadyRunningError, match="starting"), DataDirectory(tmp_path):
        pass


def test_the_state_is_gone_when_the_environment_has_stopped(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        directory.write(STATE)
        assert read_state(tmp_path) == STATE
        assert (tmp_path / "dev.json").stat().st_mode & 0o777 == 0o600
    assert read_state(tmp_path) is None


async def test_what_a_killed_run_left_is_ended_and_a_stranger_with_its_pid_is_not(tmp_path: Path) -> None:
    left = await asyncio.create_subprocess_exec("sleep", "600")
    stranger = await asyncio.create_subprocess_exec("sleep", "601")
    with DataDirectory(tmp_path) as directory:
        processes = [
            RunningProcess("left", left.pid, command_of(left.pid)),
            RunningProcess("stranger", stranger.pid, "what it was once"),
        ]
        directory.write(DevState(1, {}, {}, processes))
        assert await asyncio.to_thread(directory.end_leftovers) == ["left"]
    assert is_running(stranger.pid)
    stranger.kill()
    await asyncio.gather(left.wait(), stranger.wait())


def test_a_taken_port_is_stepped_around() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        found = free_port_from(port)
        assert found > port
        assert is_free(found)


def test_no_port_at_all_is_said() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DevError, match=f"no free port between {port}"):
            free_port_from(port, tries=0)


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports(20))) == 20


def test_no_free_port_is_one_that_a_connection_may_be_given() -> None:
    assert max(free_ports(200)) < 32_768


async def test_a_secret_is_made_once_however_many_ask(tmp_path: Path) -> None:
    asked = await asyncio.gather(*(asyncio.to_thread(keep_secret, tmp_path / "secret") for _ in range(20)))
    assert len(set(asked)) == 1
    assert len(asked[0]) >= 32
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["secret"]


def test_the_signing_key_stays_the_same_and_private(tmp_path: Path) -> None:
    place = keep_signing_key(tmp_path / "key.pem")
    first = place.read_bytes()
    assert first.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert keep_signing_key(place).read_bytes() == first
    assert place.stat().st_mode & 0o777 == 0o600
