"""The last events of exchanges and sessions, as a gateway tells them."""

import msgspec

from aigw_sansio import AttemptConnected, AttemptEnded, ConnId, ExchangeEnded, Fault, FaultKind, SessionEnded, Side
from aigw_sansio.events import UsageReported

WALL = 1_767_225_600.0  # 2026-01-01T00:00:00Z
BROKEN = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "reset")


def log_id(number: int = 0, unix_s: float = WALL) -> str:
    """An id as the gateway makes it."""
    digits = f"{int(unix_s * 1000):012x}7000{0x8000000000000000 + number:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def exchange_ended(number: int = 0, **changes: object) -> ExchangeEnded:
    """An exchange that went well. ``number``: of its id, and so many seconds after others."""
    event = ExchangeEnded(
        session=1,
        event_id=f"e{number}",
        log_id=log_id(number, WALL + number),
        how="done",
        by=Side.PROVIDER,
        status=200,
        step=0,
        attempts=1,
        fault=None,
        usage=UsageReported(input_tokens=10, output_tokens=5, cache_read_input_tokens=4),
        duration_s=1.5,
        chunks=3,
        bytes_received=300,
        account="acme",
        gateway="main",
        principal="alice",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        started_unix_s=WALL + number,
        provider="openai",
        request_model="gpt-5",
        endpoint="chat/completions",
        key="stored",
        queue_s=0.001,
        connect_s=0.02,
        first_byte_s=0.1,
        first_content_s=0.2,
        request_bytes=77,
        request_type="application/json",
        content_type="text/event-stream",
    )
    return msgspec.structs.replace(event, **changes)


def attempt_events(number: int = 0) -> list[AttemptConnected | AttemptEnded]:
    """Two attempts: one that was lost, and one that was shown."""
    name = log_id(number, WALL + number)
    return [
        AttemptConnected(name, 1, "dialled", ConnId(7), 0.02, queue_s=0.001),
        AttemptEnded(name, 0, 1, None, BROKEN, 0.5, provider="openai"),
        AttemptConnected(name, 2, "reused", ConnId(8), 0.02),
        AttemptEnded(name, 0, 2, 200, None, 1.0, provider="openai"),
    ]


def session_ended(number: int = 0, **changes: object) -> SessionEnded:
    """A realtime session that ended in order."""
    event = SessionEnded(
        session=2,
        by=Side.CLIENT,
        code=1000,
        reason="bye",
        phase="open",
        duration_s=60.0,
        messages_received=4,
        messages_sent=6,
        bytes_received=400,
        bytes_sent=600,
        mode="realtime",
        log_id=log_id(number, WALL + number),
        account="acme",
        gateway="main",
        started_unix_s=WALL + number,
        provider="openai",
        request_model="gpt-realtime",
        endpoint="/v1/realtime",
        usage=UsageReported(input_tokens=100, output_tokens=50, quality="partial"),
    )
    return msgspec.structs.replace(event, **changes)
