"""`python -m jobset` is the command `jobset`."""

from jobset.cli.main import main

main()
