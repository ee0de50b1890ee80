"""Colors as values: plain text where nobody sees colors."""

import msgspec

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_POD_COLORS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")


class Style(msgspec.Struct, frozen=True):
    """Paints text when `is_colored`, leaves it alone otherwise."""

    is_colored: bool = False

    def paint(self, text: str, *names: str) -> str:
        """The text in the named colors and weights."""
        return self._wrap(text, ";".join(_CODES[name] for name in names))

    def paint_pod(self, text: str, number: int) -> str:
        """The text in the color of the pod with that number."""
        return self._wrap(text, _POD_COLORS[number % len(_POD_COLORS)])

    def _wrap(self, text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self.is_colored and codes and text else text


PLAIN = Style()
