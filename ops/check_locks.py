"""Fails when a lock file names an index, lacks a hash, or does not hold what pyproject.toml pins.

Run in the root of the checkout, or with its path as argument.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FORBIDDEN = (
    (re.compile(r"https?://"), "names an address"),
    (re.compile(r"^\s*--(index|extra|find-links|trusted)"), "names an index"),
)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)$")
_OURS = re.compile(r"#\s+(?:via\s+)?techdengue \(pyproject\.toml")


def problems(root: Path) -> Iterator[str]:
    """A sentence for each thing that is wrong with the locks of this checkout."""
    declared = dict(_declared(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))))
    for name in ("requirements.lock", "ops/bootstrap.lock"):
        yield from _wrong_lines(name, (root / name).read_text("utf-8"))
    yield from _differences("requirements.lock", declared, (root / "requirements.lock").read_text("utf-8"))


def _wrong_lines(name: str, lock: str) -> Iterator[str]:
    for number, line in enumerate(lock.splitlines(), 1):
        for pattern, what in FORBIDDEN:
            if pattern.search(line):
                yield f"{name}:{number}: {what}; locks are written by `make lock` and name none"
    for block in re.split(r"\n(?=\S)", lock):
        pin = _PIN.match(block)
        if pin and "--hash=sha256:" not in block:
            yield f"{name}: {pin[1]} has no hash; run `make lock`"


def _differences(name: str, declared: Mapping[str, str], lock: str) -> Iterator[str]:
    locked = {_normal(package): version for package, version in _PIN.findall(lock)}
    for package, version in declared.items():
        if locked.get(package) != version:
            found = locked.get(package, "nothing")
            yield f"{name}: pyproject.toml pins {package} {version}, the lock holds {found}; run `make lock`"
    for block in re.split(r"\n(?=\S)", lock):
        pin = _PIN.match(block)
        if pin and _OURS.search(block) and _normal(pin[1]) not in declared:
            yield f"{name}: {pin[1]} is no longer in pyproject.toml; run `make lock`"


def _declared(project: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every package that pyproject.toml names, with its version."""
    lists = [
        project["build-system"]["requires"],
        project["project"]["dependencies"],
        *project["project"].get("optional-dependencies", {}).values(),
        *project.get("dependency-groups", {}).values(),
    ]
    for requirement in (one for each in lists for one in each):
        pinned = _REQUIREMENT.match(requirement)
        if pinned is None:
            raise SystemExit(f"pyproject.toml: {requirement!r} is not pinned with ==")
        yield _normal(pinned[1]), pinned[2]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit("\n".join(problems(Path(sys.argv[1] if len(sys.argv) > 1 else "."))) or None)
