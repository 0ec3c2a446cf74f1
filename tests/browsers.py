"""Pages as a browser draws them."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def looked_at(page: Path, width: int, more: str = "{}") -> dict[str, Any]:
    """How wide a page is in a window of so many pixels, and how many of its charts are drawn in it.

    Args:
        page: the file.
        width: in pixels.
        more: a JavaScript object of what else is to be found, made of `inside`, the page's document.

    Raises:
        AssertionError: where anything was written to the browser's console.
    """
    assert CHROMIUM is not None
    # A window is no narrower than 500 pixels, a frame is.
    frame = page.parent / f"frame-{width}.html"
    frame.write_text(
        f"""<iframe id="page" src="{page.as_uri()}" style="width: {width}px; height: 6000px; border: 0"></iframe>
        <pre id="found"></pre><script>
        document.getElementById("page").addEventListener("load", event => {{
          const inside = event.target.contentDocument;
          const sizes = [...inside.querySelectorAll("svg")].map(one => one.getBoundingClientRect());
          document.getElementById("found").textContent = JSON.stringify({{
            width: inside.documentElement.scrollWidth,
            drawn: sizes.filter(one => one.width > 200 && one.height > 100 && one.right <= {width}).length,
            ...{more},
          }});
        }});</script>"""
    )
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
    ]
    options += [f"--user-data-dir={page.parent / 'browser'}", "--virtual-time-budget=3000", "--dump-dom"]
    finished = subprocess.run([CHROMIUM, *options, frame.as_uri()], capture_output=True, text=True, check=True)
    assert "CONSOLE" not in finished.stderr, finished.stderr
    found = re.search(r'<pre id="found">(.*?)</pre>', finished.stdout)
    assert found is not None
    return json.loads(html.unescape(found[1]))
