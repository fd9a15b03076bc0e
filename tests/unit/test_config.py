"""Settings: ranges of every number, and errors that name what is allowed."""

import math

import msgspec
import pytest

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from aigw_sansio.secret import Secret

LIMITS = Limits.__struct_fields__
TIMEOUTS = Timeouts.__struct_fields__
OPTIONAL = {"client_idle_s", "session_s", "realtime_idle_s", "first_byte_s", "total_s"}


def test_defaults_are_those_of_the_protocol() -> None:
    limits, timeouts = Limits(), Timeouts()
    assert limits.message_bytes == 16 << 20
    assert limits.exchanges_per_connection == limits.unusable_messages_in_a_row == 100
    assert limits.request_bytes_per_connection == limits.buffered_response_bytes_per_connection == 64 << 20
    assert limits.response_body_bytes == 32 << 20
    assert limits.held_bytes == 256 << 10
    assert limits.upstream_connections_per_origin == 512
    assert limits.send_high_water_bytes == limits.early_bytes == 64 << 10
    assert (timeouts.connect_s, timeouts.idle_s, timeouts.first_byte_s, timeouts.total_s) == (10, 600, None, None)
    assert (timeouts.close_s, timeouts.write_stall_s, timeouts.ping_after_s, timeouts.pong_s) == (5, 60, 30, 20)
    assert timeouts.drain_s == 30
    assert Retry() == Retry(max_attempts=1, delay_ms=0, backoff="exponential")
    assert Config().gateways == {"local/default": GatewaySettings()}


RANGES = {"head_bytes": (1024, 1 << 20), "head_fields": (16, 10_000), "steps_per_request": (1, 10_000)}
RANGES["resume_bytes"] = (64 * 1024, 1 << 40)


@pytest.mark.parametrize("name", LIMITS)
def test_range_of_limits(name: str) -> None:
    low, high = RANGES.get(name, (1, 1 << 40))
    for value in (low, high):
        assert getattr(Limits(**{name: value}), name) == value
    for value in (low - 1, high + 1, -1):
        with pytest.raises(ValueError, match=rf"limits\.{name} is {value}; allowed is \d"):
            Limits(**{name: value})


def test_resuming_may_be_off() -> None:
    assert Timeouts(resume_s=0).resume_s == 0
    with pytest.raises(ValueError, match=r"timeouts\.resume_s is -1\.0; allowed is 0\.0 to"):
        Timeouts(resume_s=-1)


@pytest.mark.parametrize("name", [name for name in TIMEOUTS if name != "resume_s"])
def test_range_of_timeouts(name: str) -> None:
    for value in (0.001, 86400.0 * 365):
        assert getattr(Timeouts(**{name: value}), name) == value
    for value in (0, -1, 86400.0 * 365 + 1, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"timeouts\.{name} is .*; allowed is 0\.001 to"):
            Timeouts(**{name: value})


def test_ceilings_are_clocks_of_a_request() -> None:
    assert Config(ceilings=("connect_s", "first_byte_s", "idle_s", "total_s"))
    with pytest.raises(ValueError, match=r"config\.ceilings\[0\] is no clock of a request; allowed are connect_s, "):
        Config(ceilings=("close_s",))


def test_which_clocks_may_be_off() -> None:
    assert all(getattr(Timeouts(**{name: None}), name) is None for name in OPTIONAL)


@pytest.mark.parametrize(("name", "low", "high"), [("max_attempts", 1, 5), ("delay_ms", 0, 60_000)])
def test_range_of_retries(name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(Retry(**{name: value}), name) == value  # type: ignore[arg-type]
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=rf"retry\.{name} is {value}; allowed is {low} to {high}"):
            Retry(**{name: value})  # type: ignore[arg-type]


def test_settings_are_frozen_and_do_not_share_state() -> None:
    with pytest.raises(AttributeError):
        Limits().message_bytes = 1  # type: ignore[misc]
    assert Config().gateways is not Config().gateways
    assert Config().providers is not Config().providers


def test_no_repr_shows_a_secret() -> None:
    provider = ProviderSettings(api_key=Secret("canary"), headers=(("x-key", "canary"), ("b", "canary")))
    config = Config(
        gateways={"a/g": GatewaySettings(authentication=True, tokens=(Secret("canary"),))},
        providers={"openai": provider},
    )
    assert "canary" not in repr(config)
    assert "x-key" in repr(config)


def test_a_replaced_setting_is_checked_too() -> None:
    with pytest.raises(ValueError, match=r"limits\.held_bytes"):
        msgspec.structs.replace(Limits(), held_bytes=0)
