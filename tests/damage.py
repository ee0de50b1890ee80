"""What becomes of bytes on their way."""

from hypothesis import strategies as st


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Of these some that were changed, left out or written twice."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data) - 1)), draw(st.integers(0, 12))
        data[at : at + length] = draw(st.binary(max_size=12) | st.just(bytes(data[at : at + 2 * length])))
    return bytes(data)
