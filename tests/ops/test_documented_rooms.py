"""The page on the rooms shows the layers that the import contract holds."""

import re
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_block_of_rooms_is_that_of_the_contract_line_by_line() -> None:
    page = (CHECKOUT / "docs" / "architecture.md").read_text()
    block = page.partition("```\n")[2].partition("```")[0]
    shown = [re.split(r" {2,}", line)[0] for line in block.splitlines()]
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert shown == contracts[0]["layers"]
