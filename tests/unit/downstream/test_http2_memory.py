"""Input of an HTTP/2 connection that waits: not read, then aborted."""

from aigw_sansio.downstream.http2_memory import InputMemory


class Connection:
    """As its memory sees it."""

    undelivered = 7

    def __init__(self) -> None:
        self.told: list[str] = []

    def squeeze(self, now: float, *, on: bool) -> None:
        self.told.append("squeeze" if on else "let go")

    def close(self, now: float, *, abort: bool = False) -> None:
        self.told.append("abort" if abort else "close")


def test_it_is_squeezed_let_go_and_aborted() -> None:
    connection = Connection()
    memory = InputMemory(connection)
    assert memory.held == 7
    memory.squeeze(0.0, on=True)
    memory.squeeze(0.0, on=False)
    memory.close_for_memory("used up", 0.0)
    assert connection.told == ["squeeze", "let go", "abort"]
