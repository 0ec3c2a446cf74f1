"""The program, as `pnas-cifar10` or `python -m pnas_cifar10`: imports nothing before an interruption is one line."""

from pnas_apps.cli.entry import run_program


def main() -> None:
    """Runs it."""
    run_program("pnas_cifar10.cli")


if __name__ == "__main__":
    main()
