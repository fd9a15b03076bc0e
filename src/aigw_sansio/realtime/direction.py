"""One direction of a relay: from the pipe that is read to the pipe that is written.

Decides: when the pipe that is read is resumed, and what of the forwarded frames the other pipe has not taken. Must not
know: why a frame is sent, and how a session ends.

Everything written to the target is noted as one run of whole frames, and forgotten when the transport has taken it. So
an end can say how many messages were delivered, although the transport counts bytes only. If it takes everything at
once, as nearly always, a run costs an ``append`` and a ``clear``.
"""

from collections import deque

from ..engine.connection import BytePipe
from ..engine.send_buffer import weight
from ..wires.websocket.frames import FIN, MASKED, parse_header

#: The bit of the opcodes of control frames.
_CONTROL = 0x8


class Direction:
    """One direction. Its owner appends to ``unconfirmed`` what it writes to ``target``, or calls :meth:`send`."""

    __slots__ = (
        "_held",
        "_held_bytes",
        "_low_water",
        "_taken",
        "held",
        "paused",
        "resumed_at",
        "source",
        "squeezed",
        "target",
        "unconfirmed",
        "waits",
    )

    def __init__(self, source: BytePipe, target: BytePipe, *, high_water: int, now: float) -> None:
        self.source = source
        self.target = target
        self._low_water = high_water // 4
        #: ``source`` is paused, because ``target`` does not take its bytes.
        self.paused = False
        #: ``source`` is paused, because a turn did not suffice for what it has sent.
        self.held = False
        #: ``source`` stays paused, whatever ``target`` takes: the process's memory is used up.
        self.squeezed = False
        #: When ``source`` was last resumed, in monotonic seconds.
        self.resumed_at = now
        #: Something waits for the target to take bytes, so :meth:`confirm` must be called when it does.
        self.waits = False
        #: Runs of whole frames written since the target last reported that it took bytes.
        self.unconfirmed: list[bytes] = []
        # Runs before them, of which the first is not taken in full. An empty deque takes 760 bytes, so there is none
        # unless the target is slow.
        self._held: deque[bytes] | None = None
        self._held_bytes = 0
        self._taken = 0  # how much of the first one is taken

    @property
    def weight(self) -> int:
        """What the bytes count that the target has not taken."""
        return weight(self.target.outstanding, len(self._held or ()) + len(self.unconfirmed))

    def send(self, frame: bytes, now: float) -> None:
        """Write ``frame``, which is no message, to the target."""
        self.unconfirmed.append(frame)
        self.target.write(frame, now)

    def confirm(self, outstanding: int) -> None:
        """The target took bytes: all but the last ``outstanding``."""
        held = self._held
        if held is None:
            if not outstanding:
                self.unconfirmed.clear()
                return
            held = self._held = deque()
        size = self._held_bytes + sum(map(len, self.unconfirmed))
        held.extend(self.unconfirmed)
        self.unconfirmed.clear()
        while held and size - len(held[0]) >= outstanding:
            size -= len(held.popleft())
        if not held:
            self._held = None
        self._held_bytes = size
        self._taken = max(0, size - outstanding)

    def undelivered(self) -> tuple[int, int]:
        """How many messages, and bytes of their payload, the target has not taken. A frame counts as a whole."""
        messages = payload = 0
        taken = self._taken
        for run in (*(self._held or ()), *self.unconfirmed):
            at = 0
            while at < len(run):
                first = run[at]
                header = parse_header(run, at, run[at + 1] & MASKED)
                assert isinstance(header, tuple), "our own frames, and checked ones"
                start, size = header
                at = start + size
                if at > taken and not first & _CONTROL:
                    payload += size
                    messages += first & FIN == FIN
            taken = 0
        return messages, payload

    def pause(self) -> None:
        """Pause the source: too much is outstanding on the target."""
        if not self.paused:
            self.paused = self.waits = True
            if not self.held:
                self.source.pause_reading()

    def resume_if_low(self, now: float) -> None:
        """The target took bytes: resume the source if little is outstanding."""
        if self.paused and not self.squeezed and self.target.outstanding <= self._low_water:
            self.resume(now)

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: pause the source, whatever the target takes. Otherwise resume it, if the target has taken enough."""
        self.squeezed = on
        if on:
            self.pause()
        else:
            self.resume_if_low(now)

    def resume(self, now: float) -> None:
        """Resume the source."""
        self.paused = False
        self.resumed_at = now
        if not self.held:
            self.source.resume_reading()

    def hold(self) -> None:
        """Pause the source until :meth:`release`, whatever the target takes."""
        self.held = True
        if not self.paused:
            self.source.pause_reading()

    def release(self, now: float) -> None:
        """What the source has sent is read: resume it, unless too much is outstanding on the target."""
        self.held = False
        if not self.paused:
            self.resumed_at = now
            self.source.resume_reading()
