"""What a report of a mistake should say of versions. Imports nothing heavy."""

import platform
from importlib.metadata import PackageNotFoundError, version

import click

_PACKAGES = (
    "pnas-ops",
    "pnas-supernet",
    "pnas-latency",
    "pnas-export",
    "torch",
    "torchvision",
    "numpy",
    "onnx",
    "onnxruntime",
    "litert-torch",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "tflite-runtime",
)


def version_option() -> click.Option:
    """`--version`: of the program, of Python, and of all that computes."""

    def tell(context: click.Context, parameter: click.Parameter, given: bool) -> None:
        if given and not context.resilient_parsing:
            click.echo(f"{context.info_name} {version('pnas-apps')}")
            click.echo(f"  Python {platform.python_version()} on {platform.platform()}")
            for name in _PACKAGES:
                click.echo(f"  {name} {_version(name)}")
            context.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=tell,
        help="Show the versions, including the libraries', and exit.",
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"
