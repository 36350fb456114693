"""The command line: `techdengue COMMAND`. One module a command, and this entry point.

app             the commands, and how a failure becomes a sentence and an exit code
errors          CommandFailed and the exit codes
environment     which server, database and keys a command talks to
output          what goes to stdout and what to stderr; progress; JSON
listener        the HTTP listener of `serve`
"""

from .app import main

__all__ = ["main"]
