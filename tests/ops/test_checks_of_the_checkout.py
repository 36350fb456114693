"""The guards of `make check`: a bad lock or an overlong file fails it, and this checkout passes."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(script: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "ops" / script), *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the lock guard reads."""
    (tmp_path / "ops").mkdir()
    for name in ("pyproject.toml", "requirements.lock", "ops/bootstrap.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _edit(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_text("utf-8")
    after = change(before)
    assert after != before
    file.write_text(after, "utf-8")


def test_the_locks_of_this_checkout_pass(checkout: Path) -> None:
    outcome = _run("check_locks.py", checkout)
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "--extra-index-url=simple",
        "litestar @ https://files.example/litestar.whl",
        "    --find-links wheels",
    ],
)
@pytest.mark.parametrize("lock", ["requirements.lock", "ops/bootstrap.lock"])
def test_a_lock_that_names_an_index_fails(checkout: Path, lock: str, line: str) -> None:
    _edit(checkout / lock, lambda text: f"{line}\n{text}")
    outcome = _run("check_locks.py", checkout)
    assert outcome.returncode == 1
    assert f"{lock}:1" in outcome.stderr


def test_a_lock_that_is_behind_pyproject_fails(checkout: Path) -> None:
    _edit(checkout / "pyproject.toml", lambda text: text.replace('"asyncpg==', '"asyncpg==99.'))
    outcome = _run("check_locks.py", checkout)
    assert outcome.returncode == 1
    assert "asyncpg 99." in outcome.stderr


def test_a_lock_that_holds_what_pyproject_dropped_fails(checkout: Path) -> None:
    _edit(
        checkout / "pyproject.toml",
        lambda text: "\n".join(line for line in text.splitlines() if '"zstandard==' not in line),
    )
    outcome = _run("check_locks.py", checkout)
    assert outcome.returncode == 1
    assert "zstandard is no longer" in outcome.stderr


def test_a_pin_without_a_hash_fails(checkout: Path) -> None:
    _edit(checkout / "requirements.lock", lambda text: f"somewhere==1.0\n{text}")
    outcome = _run("check_locks.py", checkout)
    assert outcome.returncode == 1
    assert "somewhere has no hash" in outcome.stderr


def test_an_overlong_file_fails_and_a_readable_one_passes(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text("x = 1\n" * 400)
    assert _run("check_file_sizes.py", tmp_path).returncode == 0
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    outcome = _run("check_file_sizes.py", tmp_path)
    assert outcome.returncode == 1
    assert "long.py: 401 lines" in outcome.stderr
