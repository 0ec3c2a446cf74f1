"""The program, as `pnas-lab` or `python -m pnas_lab`, which imports nothing before an interruption is one line."""

from pnas_apps.cli.entry import run_program


def main() -> None:
    """Runs it."""
    run_program("pnas_lab.cli")


if __name__ == "__main__":
    main()
