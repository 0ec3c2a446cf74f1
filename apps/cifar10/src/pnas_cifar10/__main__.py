"""`python -m pnas_cifar10`."""

from pnas_cifar10.cli import main

main()
