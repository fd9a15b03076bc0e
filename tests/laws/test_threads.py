"""Every call of the drivers that may start a thread or a process says what happens if the system gives none."""

import ast
from collections.abc import Iterator
from pathlib import Path

DRIVERS = Path(__file__).parents[2] / "src" / "aigw_drivers"

GUARD = "no_thread_is_an_os_error"
#: They run in the thread of their caller, or in that of a loop that runs already.
START_NONE = {"socket.getaddrinfo", "anyio.from_thread.run_sync"}
#: What starts a thread or a process, by its last name.
STARTERS = {
    "Popen", "Process", "Thread", "ThreadPoolExecutor", "connect_tcp", "create_tcp_listener",
    "fork", "getaddrinfo", "open_process", "run_in_executor", "run_process", "run_sync", "start_blocking_portal",
    "start_new_thread", "to_thread",
}  # fmt: skip


def starts(tree: ast.AST, *, guarded: bool = False) -> Iterator[tuple[str, bool]]:
    """All such calls in ``tree``, and whether each is guarded."""
    for node in ast.iter_child_nodes(tree):
        inner = guarded
        if isinstance(node, ast.With):
            inner = guarded or any(GUARD in ast.unparse(item.context_expr) for item in node.items)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = False  # it runs at another time
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in STARTERS and called not in START_NONE:
                yield called, guarded
        yield from starts(node, guarded=inner)


def test_what_may_start_a_thread_is_guarded() -> None:
    found = {}
    for path in sorted(DRIVERS.rglob("*.py")):
        for called, guarded in starts(ast.parse(path.read_text(encoding="utf-8"))):
            found[f"{path.relative_to(DRIVERS)}: {called}"] = guarded
    assert len(found) >= 5
    assert [where for where, guarded in found.items() if not guarded] == []
