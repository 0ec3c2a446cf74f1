"""`python -m pnas_lab`."""

from pnas_lab.cli import main

main()
