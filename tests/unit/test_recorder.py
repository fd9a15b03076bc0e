"""A recorded world replays to the same effects and the same bytes."""

import inspect
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

import msgspec
import pytest
from tests.peers import single_client
from tests.peers.single_client import OneClient
from tests.world.world import CONFIG, Move, found_key, random_moves, run

from aigw_sansio import (
    Accept,
    Allowance,
    Ask,
    Authenticated,
    Config,
    ConnId,
    Create,
    Engine,
    Fault,
    FaultKind,
    FindKey,
    Gateway,
    GatewaySettings,
    HeaderFields,
    KeptResponse,
    Key,
    LocalEngine,
    MessageEngine,
    Metrics,
    Parts,
    ProviderSettings,
    Recorder,
    ReplayDiffers,
    Secret,
    Side,
    Signed,
    Step,
    StepConfig,
    Timeouts,
    Unavailable,
    recorder,
    replay,
)
from aigw_sansio.effects import ANSWER_TYPES


class Noting(Recorder):
    """Notes what the record does not hold."""

    def __init__(self, config: Config, write: Callable[[bytes], object]) -> None:
        super().__init__(config, b"a seed of sixteen", 1_700_000_000.0, write)
        self.configs: list[Config] = []

    def reconfigure(self, config: Config, now: float) -> None:
        super().reconfigure(config, now)
        self.configs.append(config)


def record(seed: int) -> tuple[list[bytes], list[Config]]:
    lines: list[bytes] = []
    made: list[Noting] = []

    def make(config: Config) -> Recorder:
        made.append(Noting(config, lines.append))
        return made[0]

    began: Move = ("new_client_with_stream", seed, seed)
    run([began, ("new_settings", seed, seed), *random_moves(seed)], make)
    return lines, made[0].configs


@pytest.mark.parametrize("seed", range(5))
def test_replay_is_the_same(seed: int) -> None:
    lines, configs = record(seed)
    assert len(lines) > 20
    gateway = replay(lines, CONFIG, find_key=found_key, configs=configs)
    assert gateway.snapshot()["connections"] == 0


def test_a_change_is_found() -> None:
    lines, configs = record(1)
    at = next(index for index, line in enumerate(lines) if line.startswith(b'["data_to_send",[1,'))
    changed = [*lines[:at], lines[at].replace(b'"]', b'0"]'), *lines[at + 1 :]]
    with pytest.raises(ReplayDiffers, match=f"line {at + 1}: data_to_send") as caught:
        replay(changed, CONFIG, find_key=found_key, configs=configs)
    assert caught.value.line == at + 1


def test_another_seed_is_another_run() -> None:
    lines, configs = record(1)
    with pytest.raises(ReplayDiffers):
        replay([lines[0].replace(b"73656564", b"73656565"), *lines[1:]], CONFIG, find_key=found_key, configs=configs)


def test_a_line_cut_off_is_left_out() -> None:
    lines, configs = record(2)
    replay([*lines, b'["receive_da'], CONFIG, find_key=found_key, configs=configs)


def test_an_empty_record() -> None:
    with pytest.raises(ValueError, match="empty"):
        replay([], CONFIG)


def test_it_has_all_that_a_gateway_has() -> None:
    lines: list[bytes] = []
    recorder = Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append)
    inner = {"open_session", "open_realtime"}  # called from inside
    assert not {name for name in dir(Gateway) if not name.startswith("_")} - inner - set(dir(recorder))
    assert (recorder.idle, recorder.draining) == (True, False)
    recorder.drain(1.0)
    assert recorder.draining


def test_answers_replay() -> None:
    lines: list[bytes] = []
    recorder = Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append)
    conn = recorder.open_downstream("192.0.2.1:1", None, 1.0)
    recorder.receive_data(conn, b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", 1.0)
    recorder.effects()
    with pytest.raises(Exception, match="Metrics"):
        recorder.answer(1, Authenticated(allowed=True), 1.0)  # type: ignore[arg-type]
    recorder.answer(1, Metrics(body=b"up 1\n"), 2.0)  # type: ignore[arg-type]
    assert recorder.effects()
    assert b"up 1" in recorder.data_to_send(conn)
    assert b"up 1" in replay(lines[:-1], CONFIG).data_to_send(conn)


class _Listener:
    """A gateway that keeps what it was called with."""

    heard: "list[tuple[str, tuple[object, ...]]]"

    def __init__(self, config: Config, seed: bytes, wall_offset: float, parts: Parts) -> None:
        _Listener.heard = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        def method(*arguments: object, **options: object) -> object:
            _Listener.heard.append((name, (*arguments, *options.values())))
            return {"open_downstream": 7, "open_messages": 7, "open_local": 7, "take_events": [], "effects": []}.get(
                name
            )

        return method


#: A value for each type of argument and field. Bytes are not UTF-8, so that they cannot pass for text.
SAMPLES: dict[object, object] = {
    bool: True, int: 403, float: 2.5, int | None: 3, Allowance: Allowance(exchanges=2), str: "\u20ac text", bytes: b"\x00\xff\xfe=", str | None: "name", float | None: 1.5,
    Create: Create("a", [Step("p", "e", headers=[("a", "b")], query=b"\x00\xff", config=StepConfig(response="both"))]),
    KeptResponse: KeptResponse(((b"content-type", b"\xff"),), b"\x00\xff"),
    tuple[str, ...] | None: ("a", "b"), Fault: Fault(FaultKind.RESPONSE_STOPPED, Side.GATEWAY, "no"),
    Sequence[str]: ["a", "b"], Sequence[tuple[bytes, bytes]]: [(b"name", b"\xff")],
}  # fmt: skip
ANSWER_CLASSES = [answer for answers in ANSWER_TYPES.values() for answer in answers if answer is not Key]


def sample(cls: type) -> Any:
    return cls(**{field.name: SAMPLES[field.type] for field in msgspec.structs.fields(cls)})


@pytest.mark.parametrize("cls", [*ANSWER_CLASSES, Unavailable], ids=lambda cls: cls.__name__)
def test_every_class_of_answer_is_recorded_and_replayed(cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "Gateway", _Listener)
    lines: list[bytes] = []
    answer = sample(cls)
    Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append).answer(1, answer, 2.0)  # type: ignore[arg-type]
    replay(lines, CONFIG)
    assert _Listener.heard == [("answer", (1, answer, 2.0))]


INPUTS = [
    name
    for name, method in (vars(Engine) | vars(MessageEngine) | vars(LocalEngine)).items()
    if inspect.isfunction(method) and "now" in inspect.signature(method).parameters
]


@pytest.mark.parametrize("name", [*INPUTS, "set_wall"])
def test_every_input_is_recorded_and_replayed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "Gateway", _Listener)
    lines: list[bytes] = []
    written = Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append)
    hints = get_type_hints(getattr(Recorder, name))
    parameters = list(inspect.signature(getattr(Recorder, name)).parameters)[1:]
    kinds = [getattr(hints[parameter], "__supertype__", hints[parameter]) for parameter in parameters]
    arguments = tuple(SAMPLES[kind] if kind in SAMPLES else sample(Signed) for kind in kinds)
    options = {parameters[-1]: arguments[-1]} if parameters[-1] != "now" else {}
    arguments = arguments[:-1] if options else arguments
    getattr(written, name)(*arguments, **options)
    assert len(lines) == 2, "the seed, and the call"
    heard = [(name, (*arguments, *options.values()))]
    assert _Listener.heard == heard
    replay(lines, CONFIG)
    assert _Listener.heard == heard


def test_there_are_inputs_to_record() -> None:
    some = {"open_downstream", "open_messages", "receive_message", "answer", "closed", "drain", "handle_timeout"}
    assert some | {"open_local", "create", "cancel", "take_events"} < set(INPUTS)


KEY_FILE = {
    "type": "service_account",
    "client_email": "a@p.iam.gserviceaccount.com",
    "private_key": "PEM canary",
    "private_key_id": "kid1",
}


@pytest.mark.parametrize("answer", [Signed(b"\xfb\xff signature"), Unavailable()], ids=["signed", "unavailable"])
def test_a_session_with_a_service_account_replays(
    answer: Signed | Unavailable, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(providers={"google-vertex-ai": ProviderSettings(api_key=Secret(json.dumps(KEY_FILE)))})
    lines: list[bytes] = []
    monkeypatch.setattr(single_client, "Gateway", lambda *arguments, parts: Recorder(*arguments, lines.append, parts))
    client = OneClient(config)
    endpoint = "v1/projects/p/locations/us-east5/publishers/google/models/g:generateContent"
    client.create("a", {"provider": "google-vertex-ai", "endpoint": endpoint})
    assert [seen.line for seen in client.take("ask")] == ["#1 Sign"]
    client.answer(1, answer)
    dialled = client.dialled()
    assert ("oauth2" in "".join(dialled)) is isinstance(answer, Signed)
    assert any(b'"Signed"' in line or b'"Unavailable"' in line for line in lines)
    assert replay(lines, config).snapshot() == client.driver.core.snapshot()
    changed = [line.replace(b'["Signed"', b'["Metrics"') for line in lines]
    if isinstance(answer, Signed):
        with pytest.raises((ReplayDiffers, msgspec.ValidationError)):
            replay(changed, config)


def find_key(question: FindKey) -> Key:
    return Key(Secret(f"sk-canary-{question.alias}"), HeaderFields((("x-team", "canary"),)))


@pytest.fixture(name="with_key")
def _a_session_with_a_found_key(monkeypatch: pytest.MonkeyPatch) -> tuple[Config, list[bytes]]:
    """The settings and the record."""
    config = Config(gateways={"local/default": GatewaySettings(ask=("find_key",))})
    lines: list[bytes] = []
    monkeypatch.setattr(single_client, "Gateway", lambda *arguments, parts: Recorder(*arguments, lines.append, parts))
    client = OneClient(config)
    client.create("a", {"provider": "openai", "endpoint": "chat/completions", "headers": {"cf-aig-byok-alias": "two"}})
    assert [seen.line for seen in client.take("ask")] == ["#1 FindKey"]
    client.answer(1, find_key(FindKey(None, "local", "default", "openai", "two")))
    assert ("authorization", "Bearer sk-canary-two") in (client.accept(2).headers or [])
    client.answer(1, Unavailable())  # too late
    return config, lines


def test_a_key_that_the_host_found_is_not_recorded_and_is_asked_for_again(
    with_key: tuple[Config, list[bytes]],
) -> None:
    config, lines = with_key
    assert not any(b"canary" in line for line in lines)
    assert replay(lines, config, find_key=find_key).snapshot()["exchanges"] == 1
    with pytest.raises(ReplayDiffers):
        replay(lines, config, find_key=lambda question: Key(Secret("another")))


def test_a_replay_that_needs_a_key_says_so(with_key: tuple[Config, list[bytes]]) -> None:
    config, lines = with_key
    with pytest.raises(ValueError, match="find_key must give it"):
        replay(lines, config)


@pytest.mark.parametrize("token", ["canary-token", "canary-of-the-host"])
def test_the_credentials_of_a_client_without_bytes_are_not_recorded(token: str) -> None:
    """Whether the settings know its token or the host does."""
    config = Config(gateways={"a/b": GatewaySettings(tokens=(Secret("canary-token"),), authentication=True)})
    lines: list[bytes] = []
    recorder = Recorder(config, b"a seed of sixteen", 0.0, lines.append)
    headers = [(b"host", b"gw"), (b"cookie", b"canary"), (b"cf-aig-authorization", f"Bearer {token}".encode())]
    conn = recorder.open_messages(b"/v1/a/b", "192.0.2.1:1", headers, ["canary.key"], None, 1.0)
    asked = [effect for effect in recorder.effects() if isinstance(effect, Ask)]
    assert len(asked) == (token != "canary-token")
    for ask in asked:
        recorder.answer(ask.id, Authenticated(True, "alice"), 2.0)
    recorder.receive_message(conn, b'{"type":"universal.ping"}', 3.0, text=True)
    assert [message.data for message in recorder.messages_to_send(conn)] == [b'{"type":"universal.pong"}']
    written = b64decode(json.loads(lines[1])[1][2][1][1])
    assert written == b"***"
    assert not any(b64encode(b"canary")[:6] in line or b"canary" in line for line in lines)
    assert replay(lines, config).snapshot()["sessions"] == 1


@pytest.mark.parametrize("place", ["header", "item"])
def test_a_session_that_is_resumed_replays(place: str) -> None:
    config = Config(
        gateways={"a/b": GatewaySettings(authentication=False)}, hosts=("gw",), timeouts=Timeouts(resume_s=9.0)
    )
    lines: list[bytes] = []
    recorder = Recorder(config, b"a seed of sixteen", 0.0, lines.append)

    def come(wish: str, now: float) -> ConnId:
        headers = [(b"host", b"gw"), *([(b"cf-aig-resume", wish.encode())] if place == "header" else [])]
        items = [f"cf-aig-resume.{wish}"] if place == "item" else []
        conn = recorder.open_messages(b"/v1/a/b", "192.0.2.1:1", headers, items, None, now)
        assert any(isinstance(effect, Accept) for effect in recorder.effects())
        return conn

    first = come("1", 1.0)
    (told,) = recorder.messages_to_send(first)
    recorder.receive_close(first, 1006, "", 2.0)
    recorder.closed(first, 2.0)
    second = come(json.loads(told.data)["token"], 3.0)
    recorder.receive_message(second, b'{"type":"universal.resume","n":0}', 3.0, text=True)
    assert len(recorder.messages_to_send(second)) == 2
    assert replay(lines, config).snapshot()["sessions"] == 1
