"""The program, as `pnas-imagenet` or `python -m pnas_imagenet`: imports nothing before an interruption is one line."""

from pnas_apps.cli.entry import run_program


def main() -> None:
    """Runs it."""
    run_program("pnas_imagenet.cli")


if __name__ == "__main__":
    main()
