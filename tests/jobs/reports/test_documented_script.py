"""The script of docs/reports.md, which knows only RFC 6962, accepts every proof of ours and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.reports.merkle import inclusion_of, leaf_hash, root_of

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = re.findall(r"```python\n(.*?)```", (ROOT / "docs/reports.md").read_text("utf-8"), re.DOTALL)[0]


def verdict(proof: dict[str, object]) -> str:
    """What the script says of a proof, in a process that has nothing of ours."""
    run = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT], input=json.dumps(proof), capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def proof_of(records: list[bytes], index: int) -> dict[str, object]:
    """As the API gives it."""
    leaves = [leaf_hash(record) for record in records]
    inclusion = inclusion_of(leaves, index)
    return {
        "record": records[index].decode(),
        "index": inclusion.index,
        "tree_size": inclusion.size,
        "path": [sibling.hex() for sibling in inclusion.path],
        "root": root_of(leaves).hex(),
    }


def test_it_has_about_ten_lines_and_imports_nothing_of_ours() -> None:
    assert len([line for line in SCRIPT.splitlines() if line.strip()]) <= 11
    assert re.findall(r"^(?:import|from) .*", SCRIPT, re.MULTILINE) == ["import hashlib, json, sys"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 13])
def test_it_accepts_each_proof(size: int) -> None:
    records = [f'{{"id":"ação-{n}"}}'.encode() for n in range(size)]
    assert {verdict(proof_of(records, index)) for index in range(size)} == {"included"}


def test_it_refuses_what_is_not_so() -> None:
    records = [f'{{"id":"{n}"}}'.encode() for n in range(7)]
    good = proof_of(records, 6)
    assert isinstance(good["path"], list)
    for broken in (
        {**good, "record": '{"id":"8"}'},
        {**good, "index": 5},
        {**good, "root": "00" * 32},
        {**good, "path": good["path"][:-1]},
        {**good, "path": [*good["path"], "00" * 32]},
    ):
        assert verdict(broken) == "not included"
