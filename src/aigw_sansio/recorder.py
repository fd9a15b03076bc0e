"""A gateway that records all its inputs, and a second gateway that gets the same inputs again.

Decides: the form of a record (one line of JSON for each call), and that a replay differs at the first call whose result
differs. Must not know: the meaning of any call, and the place at which the lines are kept.

The core is deterministic: only the seed, the settings and the calls decide. So the record of a run that went wrong is a
test; it needs no sockets and no clock. A record holds everything that peers sent, *secrets included*: keep it as you
keep keys. The settings and the host's own parts are not in it, nor the keys that the host finds
(:class:`~.effects.Key`); replay with those of the recorded run. Nor are the credentials with which a universal client
of ``open_messages`` comes (:mod:`.downstream.masking`); a token that only the host knows must not be in its messages
again. The settings that :meth:`Recorder.reconfigure` is given are not in it either.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import TypeAlias

import msgspec

from .config import Config
from .dialects.commands import Create
from .dialects.events import NativeEvent
from .downstream.masking import mask, unmask
from .effects import ANSWER_TYPES, Answer, Ask, Effect, FindKey, Key, Message, Question, Unavailable
from .engine_api import READ_SIZE
from .gateway import Gateway
from .ids import AskId, ConnId
from .parts.parts import NO_PARTS, Parts

#: Every class that an answer can have, by the name under which a record holds it.
_ANSWERS: dict[str, type[Answer]] = {
    answer.__name__: answer for answers in (*ANSWER_TYPES.values(), (Unavailable,)) for answer in answers
}
_ANSWER_CLASSES = tuple(_ANSWERS.values())
Arguments: TypeAlias = tuple[object, ...]
#: The types of arguments that JSON has not: method and position. A record holds bytes in base64.
_TYPES: dict[tuple[str, int], object] = {
    ("receive_data", 1): bytes,
    ("receive_message", 1): bytes,
    ("open_messages", 0): bytes,
    ("open_messages", 2): list[tuple[bytes, bytes]],
    ("create", 1): Create,
}


class _Call(msgspec.Struct, array_like=True):
    """One line: the method, its arguments, a digest of what it returned, and its named arguments."""

    method: str
    arguments: list[msgspec.Raw]
    result: str
    options: dict[str, str | bool] = {}


class _Start(msgspec.Struct, array_like=True):
    """The first line."""

    seed: str
    wall_offset: float


class ReplayDiffers(Exception):
    """A call of the replay gave another result than in the record.

    ``line`` is the line of that call in the record, counted from 1.
    """

    def __init__(self, line: int, method: str) -> None:
        super().__init__(f"line {line}: {method} gave another result than was recorded")
        self.line = line


def _digest(result: object) -> str:
    """The digest that must be equal. Effects are compared by their text, which hides secrets and shows all else."""
    data = result if isinstance(result, bytes) else repr(result).encode()
    return blake2b(data, digest_size=8).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Create):
        return msgspec.to_builtins(value)
    if isinstance(value, Key):
        return [Key.__name__, None]  # it is not kept
    if isinstance(value, _ANSWER_CLASSES):
        return [type(value).__name__, msgspec.to_builtins(value)]
    return value


def _masked(config: Config, target: object, peer: object, headers: object, items: object, *more: object) -> Arguments:
    """The arguments of ``open_messages`` as a record holds them."""
    assert isinstance(target, bytes)
    assert isinstance(headers, list)
    assert isinstance(items, list)
    target, headers, items = mask(config, target, headers, items)
    return (target, peer, headers, items, *more)


class Recorder:
    """An :class:`~.engine_api.Engine` that passes each call to a gateway of its own and records it.

    Give it to a driver in place of a :class:`~.gateway.Gateway`. ``write`` is called with each line of the record, its
    newline included, after the call has returned. Later call :func:`replay` with the lines.
    """

    __slots__ = ("_config", "_gateway", "_write")

    def __init__(
        self,
        config: Config,
        seed: bytes,
        wall_offset: float,
        write: Callable[[bytes], object],
        parts: Parts = NO_PARTS,
    ) -> None:
        self._gateway = Gateway(config, seed, wall_offset, parts)
        self._config = config
        self._write = write
        write(msgspec.json.encode(_Start(seed.hex(), wall_offset)) + b"\n")

    def _call(self, method: str, *arguments: object, **options: str | bool) -> object:
        result = getattr(self._gateway, method)(*arguments, **options)
        if method == "open_messages":
            arguments = _masked(self._config, *arguments)
        elif method == "reconfigure":
            arguments = arguments[1:]
        raw = [msgspec.Raw(msgspec.json.encode(_plain(argument))) for argument in arguments]
        line = [method, raw, _digest(result), options] if options else [method, raw, _digest(result)]
        self._write(msgspec.json.encode(line) + b"\n")
        return result

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        """See :meth:`.Gateway.open_downstream`."""
        options = {} if local is None else {"local": local}
        conn = self._call("open_downstream", peer, alpn, now, **options)
        assert isinstance(conn, int)
        return ConnId(conn)

    def open_messages(
        self,
        target: bytes,
        peer: str,
        headers: Sequence[tuple[bytes, bytes]],
        subprotocols: Sequence[str],
        principal: str | None,
        now: float,
        *,
        local: str | None = None,
    ) -> ConnId:
        """See :meth:`.Gateway.open_messages`."""
        options = {} if local is None else {"local": local}
        arguments = (target, peer, list(headers), list(subprotocols), principal, now)
        conn = self._call("open_messages", *arguments, **options)
        assert isinstance(conn, int)
        return ConnId(conn)

    def receive_message(self, conn: ConnId, data: bytes, now: float, *, text: bool) -> None:
        """See :meth:`.Gateway.receive_message`."""
        self._call("receive_message", conn, data, now, text=text)

    def receive_close(self, conn: ConnId, code: int, reason: str, now: float) -> None:
        """See :meth:`.Gateway.receive_close`."""
        self._call("receive_close", conn, code, reason, now)

    def open_local(self, gateway: str, principal: str | None, now: float) -> ConnId:
        """See :meth:`.Gateway.open_local`."""
        conn = self._call("open_local", gateway, principal, now)
        assert isinstance(conn, int)
        return ConnId(conn)

    def create(self, conn: ConnId, create: Create, now: float) -> None:
        """See :meth:`.Gateway.create`."""
        self._call("create", conn, create, now)

    def cancel(self, conn: ConnId, event_id: str, now: float) -> None:
        """See :meth:`.Gateway.cancel`."""
        self._call("cancel", conn, event_id, now)

    def take_events(self, conn: ConnId, limit: int, now: float) -> list[NativeEvent]:
        """See :meth:`.Gateway.take_events`."""
        events = self._call("take_events", conn, limit, now)
        assert isinstance(events, list)
        return events

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """See :meth:`.Gateway.connected`."""
        self._call("connected", conn, alpn, now)

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """See :meth:`.Gateway.connect_failed`."""
        self._call("connect_failed", conn, reason, now)

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """See :meth:`.Gateway.receive_data`."""
        self._call("receive_data", conn, data, now)

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """See :meth:`.Gateway.receive_eof`."""
        self._call("receive_eof", conn, now)

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """See :meth:`.Gateway.connection_lost`."""
        self._call("connection_lost", conn, reason, now)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """See :meth:`.Gateway.data_sent`."""
        self._call("data_sent", conn, n, now)

    def closed(self, conn: ConnId, now: float) -> None:
        """See :meth:`.Gateway.closed`."""
        self._call("closed", conn, now)

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        """See :meth:`.Gateway.answer`."""
        self._call("answer", ask_id, value, now)

    def handle_timeout(self, now: float) -> None:
        """See :meth:`.Gateway.handle_timeout`."""
        self._call("handle_timeout", now)

    def proceed(self, now: float) -> None:
        """See :meth:`.Gateway.proceed`."""
        self._call("proceed", now)

    def set_wall(self, wall_offset: float, now: float) -> None:
        """See :meth:`.Gateway.set_wall`."""
        self._call("set_wall", wall_offset, now)

    def reconfigure(self, config: Config, now: float) -> None:
        """See :meth:`.Gateway.reconfigure`. The record has no settings: give them to :func:`replay`."""
        self._call("reconfigure", config, now)
        self._config = config

    def cancel_exchange(self, log_id: str, now: float) -> bool:
        """See :meth:`.Gateway.cancel_exchange`."""
        return self._call("cancel_exchange", log_id, now) is True

    def close_session(self, session: int, code: int, reason: str, now: float) -> bool:
        """See :meth:`.Gateway.close_session`."""
        return self._call("close_session", session, code, reason, now) is True

    def drain(self, now: float) -> None:
        """See :meth:`.Gateway.drain`."""
        self._call("drain", now)

    def effects(self) -> list[Effect]:
        """See :meth:`.Gateway.effects`."""
        effects = self._gateway.effects()
        if effects:
            self._write(msgspec.json.encode(_Call("effects", [], _digest(effects))) + b"\n")
        return effects

    def data_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> bytes:
        """See :meth:`.Gateway.data_to_send`."""
        data = self._call("data_to_send", conn, limit)
        assert isinstance(data, bytes)
        return data

    def messages_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> list[Message]:
        """See :meth:`.Gateway.messages_to_send`."""
        messages = self._call("messages_to_send", conn, limit)
        assert isinstance(messages, list)
        return messages

    def next_timeout(self) -> float | None:
        """See :meth:`.Gateway.next_timeout`. It changes nothing and is not recorded."""
        return self._gateway.next_timeout()

    @property
    def idle(self) -> bool:
        """See :attr:`.Gateway.idle`."""
        return self._gateway.idle

    @property
    def draining(self) -> bool:
        """Whether :meth:`drain` was called."""
        return self._gateway.draining

    def snapshot(self) -> dict[str, int]:
        """See :meth:`.Gateway.snapshot`. It changes nothing and is not recorded."""
        return self._gateway.snapshot()


class _Keys:
    """Finds the keys anew that a record does not hold."""

    def __init__(self, find_key: Callable[[FindKey], Key] | None) -> None:
        self._find_key = find_key
        self._asked: dict[int, Question] = {}

    def heard(self, effects: object) -> None:
        """What a call of the replay returned."""
        if isinstance(effects, list):
            self._asked |= {effect.id: effect.question for effect in effects if isinstance(effect, Ask)}

    def given(self, method: str, arguments: list[object]) -> list[object]:
        """``arguments`` with the key that is left out of them."""
        if method != "answer" or arguments[1] is not None:
            return arguments
        question = self._asked.get(int(str(arguments[0])))
        if self._find_key is None or not isinstance(question, FindKey):
            raise ValueError("the record has a question for a key, which it does not hold; find_key must give it")
        return [arguments[0], self._find_key(question), *arguments[2:]]


def _argument(method: str, position: int, raw: msgspec.Raw) -> object:
    value = msgspec.json.decode(raw)
    kind = _TYPES.get((method, position))
    if kind is not None:
        return msgspec.convert(value, kind)
    if method == "answer" and position == 1:
        name, fields = value
        if fields is None:
            return None
        return msgspec.convert(fields, _ANSWERS[name])
    return value


def replay(
    lines: Iterable[bytes],
    config: Config,
    parts: Parts = NO_PARTS,
    *,
    find_key: Callable[[FindKey], Key] | None = None,
    configs: Iterable[Config] = (),
) -> Gateway:
    """Repeat a record on a new gateway with the settings ``config`` and the host's own ``parts``, and return it.

    ``find_key`` gives the keys that the host gave, which are not in the record, as those of the settings are not.
    ``configs``: the settings that ``reconfigure`` was given, in order. Raises :class:`ReplayDiffers` at the first call
    whose result differs, and :class:`ValueError` if the record is empty, or needs a key and there is no ``find_key``,
    or more settings than there are. A last line without a newline is ignored: the record of a crash
    ends like that.
    """
    gateway: Gateway | None = None
    keys = _Keys(find_key)
    later = iter(configs)
    for number, line in enumerate(lines, 1):
        if gateway is None:
            start = msgspec.json.decode(line, type=_Start)
            gateway = Gateway(config, bytes.fromhex(start.seed), start.wall_offset, parts)
            continue
        if not line.endswith(b"\n"):
            break
        call = msgspec.json.decode(line, type=_Call)
        arguments = [_argument(call.method, position, raw) for position, raw in enumerate(call.arguments)]
        if call.method == "open_messages":
            target, peer, headers, items, *more = arguments
            assert isinstance(target, bytes)
            assert isinstance(headers, list)
            assert isinstance(items, list)
            target, headers, items = unmask(config, target, headers, items)
            arguments = [target, peer, headers, items, *more]
        elif call.method == "reconfigure":
            found = next(later, None)
            if found is None:
                raise ValueError(
                    "the record has settings that came later, which it does not hold; configs must have them"
                )
            config = found
            arguments = [config, *arguments]
        result = getattr(gateway, call.method)(*keys.given(call.method, arguments), **call.options)
        if _digest(result) != call.result:
            raise ReplayDiffers(number, call.method)
        keys.heard(result)
    if gateway is None:
        raise ValueError("the record is empty")
    return gateway
