"""Input of an HTTP/2 connection that waits: not read, then aborted."""

from aigw_sansio.downstream.http2_memory import InputMemory


class Connection:
    """As its memory sees it."""

    undelivered = 7

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def close(self, now: float, *, abort: bool = False) -> None:
        self.told.append("abort" if abort else "close")


def test_it_is_paused_resumed_and_aborted() -> None:
    connection = Connection()
    memory = InputMemory(connection)
    assert memory.held == 7
    memory.squeeze(0.0, on=True)
    memory.squeeze(0.0, on=False)
    memory.close_for_memory("used up", 0.0)
    assert connection.told == ["pause", "resume", "abort"]
