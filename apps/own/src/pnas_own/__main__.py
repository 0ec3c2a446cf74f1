"""`python -m pnas_own`."""

from pnas_own.cli import main

main()
