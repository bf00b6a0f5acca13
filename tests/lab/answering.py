"""Answers as the page gets them: plain JSON, in which a NaN is a mistake."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from harmonium.lab.ask import Ask


def as_the_page_gets_it(answers: dict[str, Any], name: str, params: dict[str, Any]) -> Any:
    """The answer of `answers[name]`, through JSON; raises ValueError for a NaN or an infinity."""

    def plain(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: plain(value) for key, value in x.items()}
        if isinstance(x, list | tuple):
            return [plain(value) for value in x]
        return x.tolist() if isinstance(x, np.ndarray | np.generic) else x

    return json.loads(json.dumps(plain(answers[name](Ask(params, None))), allow_nan=False))
