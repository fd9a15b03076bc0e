"""Ending often and how long a step is tried: precedence and ranges as tables."""

import pytest

from aigw_sansio.config import Backoff, GatewaySettings, Retry, Timeouts
from aigw_sansio.exchanges.policy import Policy, StepConfig, resolve_policy
from aigw_sansio.faults import Fault, FaultKind, Side

TIMEOUTS = Timeouts(connect_s=11, first_byte_s=12, idle_s=13, total_s=14)
GATEWAY = GatewaySettings(retry=Retry(max_attempts=4, delay_ms=400, backoff="linear"))


def resolve(
    config: StepConfig | None = None,
    step: list[tuple[str, str]] | None = None,
    handshake: dict[str, str] | None = None,
    gateway: GatewaySettings = GATEWAY,
) -> Policy:
    found = resolve_policy(
        config or StepConfig(),
        step_headers=step or [],
        handshake_headers=handshake or {},
        gateway=gateway,
        timeouts=TIMEOUTS,
    )
    assert isinstance(found, Policy)
    return found


def test_without_a_word_the_settings_hold() -> None:
    assert resolve() == Policy(11, 12, 13, 14, 4, 0.4, "linear", "raw")
    assert resolve_policy(
        StepConfig(), step_headers=[], handshake_headers={}, gateway=GatewaySettings(), timeouts=Timeouts()
    ) == Policy(10, None, 600, None, 1, 0.0, "exponential", "raw")


@pytest.mark.parametrize(("header", "field", "config", "words", "wanted"), [
    ("cf-aig-request-timeout", "first_byte_s", StepConfig(request_timeout=1000), ("2000", "3000"), (1, 2, 3, 12)),
    ("cf-aig-max-attempts", "attempts", StepConfig(max_attempts=1), ("2", "3"), (1, 2, 3, 4)),
    ("cf-aig-retry-delay", "delay_s", StepConfig(retry_delay=100), ("200", "300"), (0.1, 0.2, 0.3, 0.4)),
    ("cf-aig-backoff", "backoff", StepConfig(backoff="constant"), ("exponential", "constant"),
     ("constant", "exponential", "constant", "linear")),
])  # fmt: skip
def test_config_then_step_then_handshake_then_settings(
    header: str, field: str, config: StepConfig, words: tuple[str, str], wanted: tuple[object, ...]
) -> None:
    step = [(header.title(), "spoilt"), (header.upper(), words[0])]  # the last of a name wins, in any case
    handshake = {header: words[1]}
    found = (
        resolve(config, step, handshake),
        resolve(None, step, handshake),
        resolve(None, None, handshake),
        resolve(),
    )
    assert tuple(getattr(policy, field) for policy in found) == wanted


@pytest.mark.parametrize(("config", "field", "wanted"), [
    (StepConfig(max_attempts=0), "attempts", 1), (StepConfig(max_attempts=-3), "attempts", 1), (StepConfig(max_attempts=5), "attempts", 5),
    (StepConfig(max_attempts=6), "attempts", 5), (StepConfig(max_attempts=1e300), "attempts", 5), (StepConfig(max_attempts=2.9), "attempts", 2),
    (StepConfig(retry_delay=-1), "delay_s", 0.0), (StepConfig(retry_delay=0), "delay_s", 0.0), (StepConfig(retry_delay=5000), "delay_s", 5.0),
    (StepConfig(retry_delay=5001), "delay_s", 5.0),
    (StepConfig(request_timeout=0), "first_byte_s", 0.001), (StepConfig(request_timeout=-5), "first_byte_s", 0.001),
    (StepConfig(request_timeout=1e300), "first_byte_s", 86400), (StepConfig(connect_timeout=1500), "connect_s", 1.5),
    (StepConfig(connect_timeout=0), "connect_s", 0.001), (StepConfig(idle_timeout=1e300), "idle_s", 86400),
    (StepConfig(total_timeout=7), "total_s", 0.007), (StepConfig(response="both"), "response", "both"),
])  # fmt: skip
def test_numbers_out_of_range_are_cut(config: StepConfig, field: str, wanted: object) -> None:
    assert getattr(resolve(config), field) == wanted


@pytest.mark.parametrize(("value", "wanted"), [("9", 5), ("0", 1), ("1.5", 1), (" 2 ", 2), ("1e3", 5), ("1e15", 5)])
def test_headers_are_cut_too(value: str, wanted: int) -> None:
    assert resolve(None, [("cf-aig-max-attempts", value)]).attempts == wanted


@pytest.mark.parametrize("header", ["cf-aig-request-timeout", "cf-aig-max-attempts", "cf-aig-retry-delay"])
@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-1", "1,5", "0x10", "1e16", "2 3", "\ud800"])
@pytest.mark.parametrize("place", ["step", "handshake"])
def test_a_header_that_is_no_number_is_named(header: str, value: str, place: str) -> None:
    step = [(header, value)] if place == "step" else []
    found = resolve_policy(
        StepConfig(),
        step_headers=step,
        handshake_headers={header: value} if place == "handshake" else {},
        gateway=GATEWAY,
        timeouts=TIMEOUTS,
    )
    assert found == Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"header {header} must be a number, of 0 or more")


CLOCKS = [
    ("connect_timeout", "connect_s"),
    ("request_timeout", "first_byte_s"),
    ("idle_timeout", "idle_s"),
    ("total_timeout", "total_s"),
]


@pytest.mark.parametrize(("field", "clock"), CLOCKS)
def test_a_request_may_only_shorten_a_ceiling(field: str, clock: str) -> None:
    def found(ms: float | None, ceilings: tuple[str, ...], timeouts: Timeouts = TIMEOUTS) -> object:
        policy = resolve_policy(
            StepConfig(**{field: ms}),  # type: ignore[arg-type]
            step_headers=[],
            handshake_headers={},
            gateway=GATEWAY,
            timeouts=timeouts,
            ceilings=ceilings,
        )
        return getattr(policy, clock)

    written = getattr(TIMEOUTS, clock)
    assert found(60_000, (clock,)) == found(None, (clock,)) == written
    assert found(2_000, (clock,)) == 2
    others = tuple(name for _, name in CLOCKS if name != clock)
    assert found(60_000, others) == 60, "a clock that the file does not write is a default"
    if clock in ("first_byte_s", "total_s"):
        assert found(60_000, (clock,), Timeouts(**{clock: None})) == 60, "written as none it limits nothing"


def test_the_operators_first_byte_timeout_holds_for_every_attempt() -> None:
    def ceiling(ceilings: tuple[str, ...]) -> object:
        policy = resolve_policy(
            StepConfig(request_timeout=2000),
            step_headers=[],
            handshake_headers={},
            gateway=GATEWAY,
            timeouts=TIMEOUTS,
            ceilings=ceilings,
        )
        assert isinstance(policy, Policy)
        return policy.first_byte_ceiling_s

    assert ceiling(("first_byte_s",)) == 12
    assert ceiling(("total_s",)) is None


def test_a_header_is_under_the_ceiling_too() -> None:
    policy = resolve_policy(
        StepConfig(),
        step_headers=[("cf-aig-request-timeout", "90000")],
        handshake_headers={},
        gateway=GATEWAY,
        timeouts=TIMEOUTS,
        ceilings=("first_byte_s",),
    )
    assert isinstance(policy, Policy)
    assert policy.first_byte_s == 12


def test_a_header_that_is_overruled_is_not_judged() -> None:
    assert resolve(StepConfig(max_attempts=2), [("cf-aig-max-attempts", "x")]).attempts == 2


def test_an_unknown_backoff_names_what_is_allowed() -> None:
    found = resolve_policy(
        StepConfig(),
        step_headers=[("cf-aig-backoff", "random")],
        handshake_headers={},
        gateway=GATEWAY,
        timeouts=TIMEOUTS,
    )
    assert isinstance(found, Fault)
    assert found.detail == "header cf-aig-backoff: allowed are constant, linear, exponential"


def test_other_headers_say_nothing() -> None:
    assert resolve(None, [("max-attempts", "5"), ("x-cf-aig-max-attempts", "5")], {"x": "5"}) == resolve()


@pytest.mark.parametrize(("backoff", "wanted"), [
    ("constant", [2.0, 2.0, 2.0, 2.0]), ("linear", [2.0, 4.0, 6.0, 8.0]), ("exponential", [2.0, 4.0, 8.0, 16.0]),
])  # fmt: skip
def test_delays(backoff: Backoff, wanted: list[float]) -> None:
    policy = resolve(StepConfig(retry_delay=2000, backoff=backoff))
    assert [policy.delay_before(attempt) for attempt in (2, 3, 4, 5)] == wanted
