"""What a page shows, read from its test, and the error of a warehouse that is away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from infra.errors import FinhouseError

OpenPage = Callable[..., AppTest]

UNREACHABLE = FinhouseError(
    "ClickHouse does not answer", why="[Errno 111] Connection refused", fix="`./finhouse status`"
)


def metrics(app: AppTest) -> dict[str, str]:
    """Values of the cards by label."""
    return {metric.label: metric.value for metric in app.metric}


def captions(app: AppTest) -> str:
    """All captions, a line each."""
    return "\n".join(text.value for text in app.caption)


def options(app: AppTest) -> list[dict[str, Any]]:
    """The charts as the browser gets them."""
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]
