"""What a response costs."""

import pytest

from aigw_sansio.events import UsageReported
from aigw_sansio.ids import CustomCost
from aigw_sansio.quotas.costs import cost_of, price_of

PRICES = CustomCost(per_token_in=10.0, per_token_out=100.0)
CACHED = CustomCost(per_token_in=10.0, per_token_out=100.0, per_cache_read_token=1.0, per_cache_write_token=20.0)


@pytest.mark.parametrize(
    ("prices", "usage", "cost"),
    [
        (PRICES, UsageReported(input_tokens=7, output_tokens=3), 370.0),
        (PRICES, UsageReported(input_tokens=7, cache_read_input_tokens=5, output_tokens=3), 370.0),
        (CACHED, UsageReported(input_tokens=7, cache_read_input_tokens=5, output_tokens=3), 325.0),
        (
            CACHED,
            UsageReported(input_tokens=7, cache_read_input_tokens=4, cache_creation_input_tokens=2, output_tokens=0),
            54.0,
        ),
        (PRICES, UsageReported(input_tokens=1, cache_read_input_tokens=5), 50.0),  # a provider that counts apart
        (CustomCost(per_token_out=1.0), UsageReported(input_tokens=7, output_tokens=3), 3.0),
        (PRICES, UsageReported(input_characters=7), None),
        (PRICES, None, None),
        (CustomCost(), UsageReported(input_tokens=7), None),
        (CustomCost(total_cost=2.5, per_token_in=1.0), None, 2.5),
        (CustomCost(total_cost=0.0), UsageReported(input_tokens=7), 0.0),
    ],
)
def test_a_cost(prices: CustomCost, usage: UsageReported | None, cost: float | None) -> None:
    assert cost_of(prices, usage) == cost


@pytest.mark.parametrize(
    ("model", "price"),
    [("gpt-4o", 1.0), ("gpt-4o-mini", 2.0), ("gpt-4o-mini-tts", 3.0), ("o3", 4.0), (None, 4.0)],
)
def test_a_model_has_its_own_price_or_that_of_the_longest_beginning(model: str | None, price: float) -> None:
    names = {"gpt-4o": 1.0, "gpt-*": 9.0, "gpt-4o-mini*": 2.0, "gpt-4o-mini-tts": 3.0, "*": 4.0}
    found = price_of({name: CustomCost(total_cost=cost) for name, cost in names.items()}, model)
    assert found is not None
    assert found.total_cost == price


def test_a_model_may_have_no_price() -> None:
    assert price_of({}, "m") is None
    assert price_of({"n": CustomCost(), "x*": CustomCost()}, "m") is None


def test_audio_has_its_own_price_if_there_is_one() -> None:
    usage = UsageReported(
        input_tokens=100,
        cache_read_input_tokens=30,
        input_audio_tokens=50,
        cache_read_input_audio_tokens=20,
        output_tokens=40,
        output_audio_tokens=10,
    )
    prices = CustomCost(per_token_in=1, per_token_out=2)
    assert cost_of(prices, usage) == 100 + 80
    dear = CustomCost(per_token_in=1, per_token_out=2, per_audio_token_in=10, per_audio_token_out=20)
    # 30 from the cache, 30 of audio that were not, 40 others; 10 of audio, 30 others
    assert cost_of(dear, usage) == 30 + 300 + 40 + 200 + 60
