"""What becomes of bytes and objects on their way."""

from typing import Any

from hypothesis import strategies as st


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Of these some that were changed, left out or written twice."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data) - 1)), draw(st.integers(0, 12))
        data[at : at + length] = draw(st.binary(max_size=12) | st.just(bytes(data[at : at + 2 * length])))
    return bytes(data)


def damaged(draw: st.DrawFn, value: Any, anything: st.SearchStrategy[Any]) -> Any:
    """The value with anything at all in some place below."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: damaged(draw, value[key], anything)}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        return [damaged(draw, value[0], anything), *value[1:]]
    return draw(anything)
