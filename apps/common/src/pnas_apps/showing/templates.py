"""Pages for a browser, each one file that needs nothing else and loads nothing."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from pnas_apps.ground.terminal import printable


def page_of(template: str, **values: object) -> str:
    """A page as HTML, in which every text is escaped that comes from people.

    Args:
        template: the name of its file.
        values: what it is filled with.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The names of folders and classes may hold anything.
    return printable(environment.get_template(template).render(values))
