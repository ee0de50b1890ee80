"""The API servers that a story of the controllers is told on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.controller_world import play_locally, play_really


@pytest.fixture(params=["local", pytest.param("real", marks=pytest.mark.control_plane)])
def play(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Plays a story, and gives its result, where the text of the story holds: everywhere."""
    if request.param == "local":
        return play_locally
    return partial(play_really, request.getfixturevalue("bare_control_plane"))
