"""Which tests show each numbered item of the contract, page by page.

A page is a module with three names:

* ``PAGE``: the file of the contract, such as ``"admission.md"``;
* ``ITEMS``: item number → the tests that show it. ``"tests/a/test_b.py::test_c"`` is a whole test,
  ``"tests/a/test_b.py::test_c[some row]"`` one row of its table, and ``"tests/a/test_b.py::test_c[some"``
  every row that begins so. A row is written as its table writes it. Rows that are recordings from outside
  the repository cannot be named one by one;
* ``NOT_YET``: item number → the part (a key of ``PARTS``) that the item waits for. An item that is shown
  in part stands in both.

A page whose items are to be shown on a real control plane has a fourth:

* ``IN_PROCESS``: item number → why no test of it runs there.
"""

PARTS = {
    "cluster": "tests against a real API server and its controllers",
    "foreign manifests": "examples that others publish, validated where they are at hand",
    "isolated network": "a network namespace with its own address and ports for each pod",
    "local API": "the local API as kubectl needs it: over HTTPS, with access reviews",
    "preemption": "pods of lower priority make room for those of higher priority",
    "resource limits": "processor and memory limits by a control group, where one is delegated",
    "server-side apply": "the local API server keeps field managers and merges what each applies",
    "virtual nodes": "several nodes on one machine, from a file or a short form",
    "volume topology": "volumes that only some nodes can reach",
}
"""The parts of the product that do not exist yet, and what each does."""
