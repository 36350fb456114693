"""How a command fails: a sentence, what to do next, and an exit code.

CommandFailed
"""

import enum


class ExitCode(enum.IntEnum):
    """What the shell is told. `INTERRUPTED` is what shells answer for Ctrl-C."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 ok; 1 it failed; 2 wrong usage; 3 a server cannot be reached; "
    "4 the server refused (token, territory, overload); 130 interrupted."
)


class CommandFailed(Exception):
    """A foreseeable failure: printed as one sentence and what to do next, never as a traceback."""

    def __init__(self, sentence: str, *, do: str = "", code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.do = do
        self.code = code
