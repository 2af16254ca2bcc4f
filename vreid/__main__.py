"""`python -m vreid` is the `vreid` command."""

from vreid.cli import main

main()
