"""What a client keeps so that its session goes on on another socket (client protocol, section 8).

Decides: which messages the gateway may not have got, when messages of the gateway are acknowledged, and what is said
first on a new socket. Must not know: sockets, clocks, and what an exchange does with a message.

Messages of the gateway are acknowledged in batches: every 32, and sooner if they hold an eighth of what the gateway
keeps. A request is kept until the gateway answers it; everything that was sent before has come then, too. A cancel is
kept no longer than its exchange runs, and a ping never: a new socket is a sign of life. So at most two messages are
kept for each exchange. What is sent again has new numbers, since the gateway counts only what comes.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

import msgspec

from .messages import Message
from .protocol import Due

ACK_EVERY: Final = 32
#: What the gateway counts for a message beside its text.
_PER_MESSAGE: Final = 64
_FIELD: Final = "cf-aig-resume"


class _SessionTold(msgspec.Struct):
    token: str
    resume_s: float
    resume_bytes: int

    def __repr__(self) -> str:
        return "_SessionTold()"


class _ResumedTold(msgspec.Struct):
    received: int


_decode_session: Final = msgspec.json.Decoder(_SessionTold).decode
_decode_resumed: Final = msgspec.json.Decoder(_ResumedTold).decode


class Resumption:
    """The state of one session, over all its sockets. Dial with :attr:`headers`; then, for each socket, call
    :meth:`begin`, pass what comes to :meth:`heard` first, and send :meth:`due` before anything else."""

    def __init__(self) -> None:
        self._tokens: list[str] = []  # the newest, and the one before it until that is used up
        self._tried = 0  # the one of them that the next socket shows
        self._is_first = True  # no message came on this socket yet
        self._resumes = False  # this socket is to go on with the session
        self._due: deque[str] = deque()
        self._received = 0  # the number of the last message of the gateway
        self._acknowledged = 0
        self._unacknowledged_bytes = 0
        self._batch_bytes = 0
        self._sent = 0  # messages to the gateway, those of this section not counted
        self._kept: OrderedDict[int, Due] = OrderedDict()  # those of them that it may not have, by number
        self._creates: dict[str, int] = {}  # the numbers of the requests that are not answered, by exchange
        self._cancels: dict[str, int] = {}  # of the cancels of those that run
        self._again: deque[str] = deque()
        #: How long the gateway keeps the session, in seconds; 0: it does not.
        self.resume_s = 0.0
        #: The gateway has not said yet how much it has: send nothing but :meth:`due`.
        self.waits = False

    def __repr__(self) -> str:
        return f"Resumption({self._received} received, {self._sent} sent)"

    @property
    def can_resume(self) -> bool:
        """Whether the session may go on on another socket."""
        return self._tried < len(self._tokens)

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """The fields for the next upgrade."""
        return [(_FIELD, self._tokens[self._tried] if self.can_resume else "1")]

    def refused(self) -> None:
        """The gateway refused the token: the next socket shows the one before it, if there is one."""
        self._tried += 1

    def begin(self) -> None:
        """A socket is open."""
        self._is_first = True
        self._resumes = self.waits = bool(self._tokens)
        self._due.clear()
        self._again.clear()

    @property
    def is_due(self) -> bool:
        """Whether there is a :meth:`due`."""
        return bool(self._due or (self._again and not self.waits))

    def due(self) -> str | None:
        """The next message that goes before all others."""
        if self._due:
            return self._due.popleft()
        if self._again and not self.waits:
            return self._again.popleft()
        return None

    def sent(self, due: Due) -> None:
        """``due`` is about to be sent."""
        if self._is_first or self._tokens:  # else it is known that the session cannot be resumed
            self._keep(due)

    def heard(self, data: str | bytes, message: Message | None) -> bool:
        """``data`` came, which is ``message``. Returns whether it is one for the exchanges. ``ValueError``: the session
        cannot go on."""
        kind = None if message is None else message.kind
        if self._is_first:
            self._is_first = False
            if kind == "session":
                self._take_session(data)
                return False
            self._give_up()
            return True
        if kind == "resumed" and self.waits:
            self._take_resumed(data)
            return False
        if message is None or not self._tokens:
            return True
        if message.number is not None:
            if self.waits or message.number != self._received + 1:
                raise ValueError("the numbers of the gateway's messages have a gap")
            self._received = message.number
            self._unacknowledged_bytes += message.size + _PER_MESSAGE
            count = self._received - self._acknowledged
            if count >= ACK_EVERY or self._unacknowledged_bytes >= self._batch_bytes:
                self._acknowledge()
        if message.event_id is not None:
            if (number := self._creates.pop(message.event_id, None)) is not None:
                self._release(number)
            if message.ends and (number := self._cancels.pop(message.event_id, None)) is not None:
                self._kept.pop(number, None)
        return True

    def _take_session(self, data: str | bytes) -> None:
        try:
            told = _decode_session(data)
        except (msgspec.DecodeError, UnicodeError):
            raise ValueError("the gateway's universal.session cannot be read") from None
        shown = self._tokens[self._tried : self._tried + 1]
        self._tokens = [told.token, *shown]
        self._tried = 0
        self.resume_s = told.resume_s
        self._batch_bytes = max(1, told.resume_bytes // 8)
        if self._resumes:
            self._due.append(f'{{"type":"universal.resume","n":{self._received}}}')

    def _take_resumed(self, data: str | bytes) -> None:
        try:
            received = _decode_resumed(data).received
        except (msgspec.DecodeError, UnicodeError):
            raise ValueError("the gateway's universal.resumed cannot be read") from None
        self.waits = False
        self._tokens = self._tokens[:1]  # the one before it is used up
        self._acknowledged = self._received
        self._unacknowledged_bytes = 0
        self._release(received)
        again = list(self._kept.values())
        self._forget()
        self._sent = received
        for due in again:
            self._keep(due)
            self._again.append(due.text)

    def _acknowledge(self) -> None:
        self._acknowledged = self._received
        self._unacknowledged_bytes = 0
        self._due.append(f'{{"type":"universal.ack","n":{self._received}}}')

    def _keep(self, due: Due) -> None:
        """``due`` is the next message to the gateway."""
        self._sent += 1
        if due.begins is not None:
            self._creates[due.begins] = self._sent
        elif due.cancels is not None:
            self._cancels[due.cancels] = self._sent
        else:
            return
        self._kept[self._sent] = due

    def _release(self, number: int) -> None:
        """The gateway has the messages up to ``number``."""
        while self._kept and next(iter(self._kept)) <= number:
            self._kept.popitem(last=False)

    def _give_up(self) -> None:
        """The gateway does not keep the session."""
        if self._resumes:
            raise ValueError("the gateway did not go on with the session")
        self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self._creates.clear()
        self._cancels.clear()
