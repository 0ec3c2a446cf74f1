"""What the site has beside `docs`: pages that stand elsewhere in the repository, and links from any page into it."""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "packages/pnas-ops/README.md": "packages/pnas-ops.md",
    "packages/pnas-supernet/README.md": "packages/pnas-supernet.md",
    "packages/pnas-latency/README.md": "packages/pnas-latency.md",
    "packages/pnas-export/README.md": "packages/pnas-export.md",
    "apps/own/README.md": "apps/pnas-own.md",
    "apps/lab/README.md": "apps/pnas-lab.md",
    "apps/common/README.md": "apps/pnas-apps.md",
}
"""By the file's path in the repository, the page's on the site."""

_LOG = get_plugin_logger("site")
_CODE = re.compile(r"^( *```.*?^ *```)", re.M | re.S)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that stand elsewhere."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lets links that are right in the repository be right on the site, too.

    A link to a file that is no page leads into the repository, and is its text alone where none is known.
    """
    folder = Path(page.file.abs_src_path or "").parent
    places = {Path(file.abs_src_path): file.src_uri for file in files if file.abs_src_path is not None}

    def link(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return match.group()
        file = Path(os.path.normpath(folder / path))
        if file in places:
            near = os.path.relpath(places[file], Path(page.file.src_uri).parent)
            return f"{picture}[{text}]({near}{hash_}{anchor})"
        if not file.exists():
            _LOG.warning("%s links to %s, which is not there", page.file.src_uri, target)
        if not config.repo_url:
            return text
        return f"{picture}[{text}]({config.repo_url.rstrip('/')}/blob/HEAD/{file.relative_to(ROOT)})"

    parts = _CODE.split(markdown)
    parts[::2] = [_LINK.sub(link, prose) for prose in parts[::2]]
    return "".join(parts)
