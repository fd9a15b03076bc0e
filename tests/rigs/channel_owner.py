"""The owner of a message channel, who only keeps what it is told."""

from aigw_sansio.faults import Side


class Owner:
    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self.ends: list[tuple[Side, int, str]] = []
        self.room = 0

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        self.messages.append((data, text))

    def room_made(self, now: float) -> None:
        self.room += 1

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        self.ends.append((by, code, reason))
