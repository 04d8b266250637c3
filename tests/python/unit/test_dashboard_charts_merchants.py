"""The charts of the page Merchants: ranked from the top, one place per merchant."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from dashboard import charts_merchants as charts


def merchant(number: int, name: str | None, **changed: Any) -> dict[str, Any]:
    row = {
        "merchant_id": UUID(int=number << 96),
        "merchant_name": name,
        "share_percent": 12.5,
        "successful_amount_eur": Decimal("10.005"),
        "velocity_part": 0.1,
        "geo_share_part": 0.05,
    }
    return {**row, **changed}


def test_merchants_of_one_name_have_a_place_each() -> None:
    rows = [merchant(1, "Shop"), merchant(2, "Shop"), merchant(3, "Cafe"), merchant(4, None)]
    assert charts.names(rows) == [
        "Shop (00000001)",
        "Shop (00000002)",
        "Cafe",
        "unknown (00000004)",
    ]


def test_the_largest_is_on_top_and_an_unknown_share_is_none() -> None:
    rows = [merchant(1, "Big"), merchant(2, "Small", share_percent=None)]
    frame = charts.shares_frame(rows)
    assert frame["merchant"].tolist() == ["Small", "Big"]
    assert frame["percent"].isna().tolist() == [True, False]
    assert frame["share"].tolist() == ["n/a", "12.50 %"]
    assert frame["volume"].tolist() == ["€ 10.00", "€ 10.00"]


def test_a_score_is_stacked_from_its_parts_in_their_order() -> None:
    frame = charts.parts_frame([merchant(1, "Shop")], ("velocity", "geo_share"))
    option = charts.parts_option(frame, {"velocity": "Velocity", "geo_share": "Proxy"})
    assert [series["name"] for series in option["series"]] == ["Velocity", "Proxy"]
    assert {series["stack"] for series in option["series"]} == {"score"}
    assert (option["xAxis"]["min"], option["xAxis"]["max"]) == (0, 1)


def test_each_status_has_its_colour_and_options_are_plain_data() -> None:
    option = charts.status_option(charts.shares_frame([merchant(1, "Shop")]))
    assert [series["name"] for series in option["series"]] == ["Success", "Failed", "Pending"]
    assert len({series["color"] for series in option["series"]}) == 3
    del option["dataset"]
    json.dumps(option)
