"""Every host that stands in the tables of providers is known: its look-up is never held back for a client's made-up
names, because no client chose it."""

import ast
import re
from pathlib import Path

from aigw_sansio.config import Config
from aigw_sansio.providers.known_hosts import known_hosts

PROVIDERS = Path(__file__).parents[2] / "src" / "aigw_sansio" / "providers"

#: Hosts in URLs that name something and are never called.
NAMES_ONLY = {"www.googleapis.com": "the scope of an access token"}


def hosts_in(path: Path) -> set[str]:
    """The hosts of all URLs in strings that are not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            found |= set(re.findall(r"(?:https?|wss?)://([a-z0-9.-]+)(?![a-z0-9.{-])", node.value))
    return found


def test_all_hosts_of_the_tables() -> None:
    found = set().union(*map(hosts_in, sorted(PROVIDERS.glob("*.py"))))
    assert len(found) > 50
    assert found - set(NAMES_ONLY) <= known_hosts(Config())
    assert set(NAMES_ONLY) <= found
