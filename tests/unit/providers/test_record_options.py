"""What a client says about the record of its request."""

import pytest

from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import CustomCost, MetadataValue, RecordOptions
from aigw_sansio.providers.record_options import read_metadata, read_options


def read(headers: dict[str, str], handshake: dict[str, str] | None = None) -> RecordOptions | Fault:
    return read_options(list(headers.items()), handshake or {}, collect=True, payload=False)


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        (None, {}),
        ('{"team":"blue","n":1,"f":1.5,"yes":true}', {"team": "blue", "n": 1, "f": 1.5, "yes": True}),
        ('{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}', {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}),
        ('{"cf.own":1,"a":2}', {"a": 2}),
        ('{"a":1,"b":null}', {}),  # as in the original, one value of another kind loses all
        ('{"a":{"b":1}}', {}),
        ("[1]", {}),
        ("no json", {}),
        ("\ud83d", {}),
        ("[" * 100_000, {}),
    ],
)
def test_metadata(text: str | None, metadata: dict[str, MetadataValue]) -> None:
    assert read_metadata(text) == metadata
    assert read({} if text is None else {"CF-AIG-Metadata": text}) == RecordOptions(metadata=metadata)


@pytest.mark.parametrize("collect", [False, True])
@pytest.mark.parametrize("payload", [False, True])
def test_the_settings_decide_where_the_client_says_nothing(collect: bool, payload: bool) -> None:
    said = read_options([("x-other", "1")], {"cf-aig-max-attempts": "2"}, collect=collect, payload=payload)
    assert said == RecordOptions(collect=collect, collect_payload=payload)


def test_the_client_decides_against_the_settings_and_a_step_against_the_handshake() -> None:
    handshake = {"cf-aig-collect-log": "false", "cf-aig-collect-log-payload": "true"}
    assert read({}, handshake) == RecordOptions(collect=False, collect_payload=True)
    assert read({"Cf-Aig-Collect-Log": "TRUE"}, handshake) == RecordOptions(collect=True, collect_payload=True)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ('{"per_token_in":0.000001,"per_token_out":2}', CustomCost(per_token_in=0.000001, per_token_out=2.0)),
        (
            '{"per_cache_read_token":0,"per_cache_write_token":1e-7}',
            CustomCost(per_cache_read_token=0.0, per_cache_write_token=1e-7),
        ),
        ('{"total_cost":12.5,"other":"x"}', CustomCost(total_cost=12.5)),
        ('{"per_token_in":1000000}', CustomCost(per_token_in=1e6)),
        ("{}", CustomCost()),
    ],
)
def test_a_cost_of_the_clients_own(text: str, cost: CustomCost) -> None:
    assert read({"cf-aig-custom-cost": text}) == RecordOptions(custom_cost=cost)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cf-aig-collect-log", "yes"),
        ("cf-aig-collect-log", ""),
        ("cf-aig-collect-log-payload", "1"),
        ("cf-aig-custom-cost", '{"total_cost":-1}'),
        ("cf-aig-custom-cost", '{"total_cost":"1"}'),
        ("cf-aig-custom-cost", '{"total_cost":1e308}'),
        ("cf-aig-custom-cost", '{"per_token_in":1000000.1}'),
        ("cf-aig-custom-cost", '{"total_cost":1e999}'),
        ("cf-aig-custom-cost", "[1]"),
        ("cf-aig-custom-cost", ""),
        ("cf-aig-custom-cost", "\ud83d"),
        ("cf-aig-custom-cost", "[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_refused_by_name_and_without_quoting_it(name: str, value: str) -> None:
    fault = read({name: value})
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.INVALID_REQUEST
    assert name in fault.detail
    assert "allowed are" in fault.detail
    if len(value) > 2:
        assert value not in fault.detail
