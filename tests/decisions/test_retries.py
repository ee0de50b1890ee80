"""When a refused request is sent again."""

import pytest

from jobset.kube.cache import back_off
from jobset.kube.retries import LONGEST_WAIT, MOST_RETRIES, retry_delay

CASES = {
    "an answer is an answer": (200, {}, 0, None),
    "a conflict is for the caller": (409, {"Retry-After": "1"}, 0, None),
    "the server says when": (429, {"Retry-After": "3"}, 0, 3.0),
    "something in between forgot to say when": (429, {}, 0, 1.0),
    "trouble of the server that will pass": (503, {"Retry-After": "2"}, 4, 2.0),
    "at once": (500, {"Retry-After": "0"}, 0, 0.0),
    "trouble of the server that may not pass": (500, {}, 0, None),
    "a wait that is too long": (429, {"Retry-After": "86400"}, 0, LONGEST_WAIT),
    "a date": (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0, None),
    "not a number": (429, {"Retry-After": "soon"}, 0, 1.0),
    "digits of another script": (503, {"Retry-After": "٣"}, 0, None),
    "the last time": (429, {"Retry-After": "1"}, MOST_RETRIES - 1, 1.0),
    "often enough": (429, {"Retry-After": "1"}, MOST_RETRIES, None),
}


@pytest.mark.parametrize(("code", "headers", "retries", "delay"), CASES.values(), ids=CASES)
def test_a_request_is_sent_again_when_the_server_asks_for_it(code, headers, retries, delay):
    assert retry_delay(code, headers, retries) == delay


def test_a_watch_that_fails_again_and_again_is_tried_less_and_less_often():
    assert [back_off(failures) for failures in (1, 2, 3, 6, 7, 8, 1000)] == [0.5, 1, 2, 16, 30, 30, 30]
