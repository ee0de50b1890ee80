"""Kubernetes quantities such as `500m`, `1.5Gi` and `1e3`: read exactly, compared, written canonically."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache

NANO = 10**9
_LARGEST = (2**63 - 1) * NANO
_FORMAT = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {0: ""} | {power: suffix for suffix, power in _BINARY.items()}

_WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_WRONG_SUFFIX = "unable to parse quantity's suffix"


class Format(Enum):
    """How a quantity was written, which decides how it is written again."""

    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A number of billionths; two quantities are equal when the numbers are, however they were written."""

    nano: int
    format: Format = field(default=Format.DECIMAL_SI, compare=False)

    @property
    def value(self) -> int:
        """The whole number at or above it, such as bytes or devices."""
        return -(-self.nano // NANO)

    @property
    def milli_value(self) -> int:
        """The whole number of thousandths at or above it, such as thousandths of a CPU."""
        return -(-self.nano // 10**6)

    @property
    def decimal(self) -> Decimal:
        """The exact number."""
        return Decimal(self.nano).scaleb(-9)

    @property
    def is_integer(self) -> bool:
        """Whether it is a whole number."""
        return self.nano % NANO == 0

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nano + other.nano, self.format if self.nano else other.format)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nano - other.nano, self.format)

    def __str__(self) -> str:
        if self.nano == 0:
            return "0"
        if self.format is Format.BINARY_SI and abs(self.nano) >= 1024 * NANO and self.is_integer:
            return _write_binary(self.nano // NANO)
        return _write_decimal(self.nano, self.format)

    def round_up_to_milli(self) -> "Quantity":
        """The nearest number of thousandths away from zero."""
        sign = -1 if self.nano < 0 else 1
        return Quantity(sign * -(-abs(self.nano) // 10**6) * 10**6, self.format)


ZERO = Quantity(0)


@lru_cache(maxsize=4096)
def parse_quantity(text: str | int | float) -> Quantity:
    """The quantity that `text` (or a JSON number) stands for; parts below a billionth are rounded up.

    Raises:
        ValueError: with the message of an API server.
    """
    match = _FORMAT.fullmatch(str(text).strip())
    if match is None or not (match[2] or match[3]):
        raise ValueError(_WRONG_FORMAT)
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4]
    factor, form = _read_suffix(suffix)
    exact = Fraction(int(whole + fraction or "0"), 10 ** len(fraction)) * factor * NANO
    nano = -(-exact.numerator // exact.denominator)
    if form is Format.BINARY_SI:
        nano = min(nano, _LARGEST)
        if nano < NANO:
            form = Format.DECIMAL_SI
    return Quantity(-nano if sign == "-" else nano, form)


def canonical(text: str | int | float) -> str:
    """How an API server writes `text` back: `0.5` becomes `500m`, `1024Mi` becomes `1Gi`.

    Raises:
        ValueError: with the message of an API server.
    """
    return str(parse_quantity(text))


def quantity_problem(text: object) -> str | None:
    """What is wrong with a value that should be a quantity; None when nothing is."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return _WRONG_FORMAT
    try:
        parse_quantity(text)
    except ValueError as error:
        return str(error)
    return None


def _read_suffix(suffix: str) -> tuple[Fraction, Format]:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix], Format.DECIMAL_SI
    if suffix in _BINARY:
        return Fraction(1024) ** _BINARY[suffix], Format.BINARY_SI
    if suffix[0] in "eE" and re.fullmatch(r"[-+]?[0-9]{1,3}", suffix[1:]):
        return Fraction(10) ** int(suffix[1:]), Format.DECIMAL_EXPONENT
    raise ValueError(_WRONG_SUFFIX)


def _write_binary(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < max(_BINARY_SUFFIX):
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY_SUFFIX[power]}"


def _write_decimal(nano: int, form: Format) -> str:
    number, power = nano, -9
    while number % 1000 == 0 and (form is Format.DECIMAL_EXPONENT or power < 18):
        number, power = number // 1000, power + 3
    if form is Format.DECIMAL_EXPONENT:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL_SUFFIX[power]}"
