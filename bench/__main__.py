"""Run every benchmark of this folder and print one table: python -m bench [name …]."""

import importlib
import pkgutil
import sys

import bench


def main() -> None:
    wanted = sys.argv[1:]
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name.startswith("_") or (wanted and module.name not in wanted):
            continue
        rows = importlib.import_module(f"bench.{module.name}").measure()
        print(f"\n## {module.name}\n")
        print_table(rows)


def print_table(rows: list[dict[str, object]]) -> None:
    """A Markdown table; the columns are the keys of the first row."""
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |")
    print("|" + " --- |" * len(columns))
    for row in rows:
        print("| " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |", flush=True)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
