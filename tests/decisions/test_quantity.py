"""Quantities are read exactly, compared by value and written as an API server writes them."""

import pytest

from jobset.api.quantity import Format, Quantity, canonical, parse_quantity, quantity_problem

CANONICAL = {
    "0": "0",
    "00": "0",
    "-0": "0",
    "1": "1",
    "+1": "1",
    "1.": "1",
    ".5": "500m",
    "0.5": "500m",
    "1.5": "1500m",
    "100m": "100m",
    "1000m": "1",
    "1500m": "1500m",
    "1000": "1k",
    "1024": "1024",
    "100k": "100k",
    "1000k": "1M",
    "1Ki": "1Ki",
    "1024Ki": "1Mi",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "0.5Gi": "512Mi",
    "1Ei": "1Ei",
    "16Ei": "9223372036854775807",
    ".001Ki": "1024m",
    "0.5Ki": "512",
    "1e3": "1e3",
    "1E3": "1e3",
    "1000e0": "1e3",
    "12e1": "120",
    "1e-3": "1e-3",
    "1u": "1u",
    "1n": "1n",
    "0.1n": "1n",
    "-1": "-1",
    "-0.5": "-500m",
    "-1024Mi": "-1Gi",
    "5E": "5E",
    "1000E": "1000E",
}


@pytest.mark.parametrize(("text", "written"), CANONICAL.items())
def test_a_quantity_is_written_canonically(text, written):
    assert canonical(text) == written


BAD = {
    "": "quantities must match",
    "Ki": "quantities must match",
    "1.1.M": "quantities must match",
    "aoeu": "quantities must match",
    "1 Gi": "quantities must match",
    "0.1mi": "unable to parse quantity's suffix",
    "1i": "unable to parse quantity's suffix",
    "-3.01e-": "unable to parse quantity's suffix",
    "1GB": "quantities must match",
    "1gi": "quantities must match",
    "1KiKi": "unable to parse quantity's suffix",
}


@pytest.mark.parametrize(("text", "problem"), BAD.items())
def test_a_bad_quantity_is_refused_in_the_servers_words(text, problem):
    assert (quantity_problem(text) or "").startswith(problem)


def test_quantities_compare_by_value_not_by_writing():
    assert parse_quantity("1Gi") == parse_quantity("1024Mi") > parse_quantity("1G")
    assert parse_quantity("500m") == parse_quantity(0.5)
    assert hash(parse_quantity("1k")) == hash(parse_quantity("1e3"))


def test_whole_and_milli_values_round_up():
    assert (parse_quantity("1500m").value, parse_quantity("-1500m").value) == (2, -1)
    assert parse_quantity("0.0001").milli_value == 1
    assert str(parse_quantity("0.0001").round_up_to_milli()) == "1m"
    assert not parse_quantity("1500m").is_integer


def test_sums_keep_the_way_of_writing():
    total = parse_quantity("512Mi") + parse_quantity("512Mi")

    assert (str(total), str(total - parse_quantity("1Mi"))) == ("1Gi", "1023Mi")
    assert total.decimal == 1024**3


def test_what_is_no_text_and_no_number_is_no_quantity():
    assert all(quantity_problem(value) for value in (None, True, []))
    assert quantity_problem(3) is None
    assert Quantity(0, Format.BINARY_SI) == Quantity(0)
