"""`techdengue simulate` while it runs: a progress line now and then, and a clean end when it is told to stop."""

import asyncio
import signal

from .running import SCRIPT, Serving, clean_environment

SAID = (
    "20 devices worked",
    "acknowledged, ",
    "in conflict",
    "0 refused, 0 wait",
    "times tried again",
    "99 % within",
)


async def test_ctrl_c_ends_it_with_everything_pushed_and_its_counts(server: Serving, variables: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        SCRIPT,
        *("simulate", "--devices", "20", "--rate", "50", "--transport", "ws", "--good-links"),
        env=clean_environment(variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            first = await process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert first.startswith(b"operations acknowledged: ")
    assert process.returncode == 0, err
    assert out.startswith(b"outcome")
    assert [words for words in SAID if words not in err.decode()] == []
