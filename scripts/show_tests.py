"""Put the tests that the built documentation links to beside it, as pages; `make docs` does so at its end."""

import re
from functools import cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from draw_tests import ROOT, lines_of_tests

SITE = ROOT / "build" / "site"
PAGE = SITE / "what-happens-when.html"
LINK = re.compile(r'<a href="\.\./(tests/[\w/]+\.py)">(test_\w+)</a>')
PREFIX = "line"
SHOWN = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{path}</title>
<style>
body {{ margin: 1rem auto; max-width: 65rem; padding: 0 1rem; font: 0.9rem/1.5 sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.1rem; }}
pre {{ overflow-x: auto; padding: 1rem; }}
:target {{ background: #fff3c4; }}
{colours}
</style>
</head>
<body>
<p><a href="{back}">What happens when...</a></p>
<h1>{path}</h1>
{code}
</body>
</html>
"""


def show() -> int:
    """Write a page for each file of tests that is linked to, and lead the links there; how many pages."""
    built = PAGE.read_text()
    paths = sorted({path for path, _ in LINK.findall(built)})
    for path in paths:
        shown = SITE / f"{path}.html"
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(_shown(path))
    PAGE.write_text(led_there(built))
    return len(paths)


def led_there(built: str) -> str:
    """The page with links that lead to the line on which a test begins."""
    return LINK.sub(_link, built)


def _shown(path: str) -> str:
    formatter = HtmlFormatter(linespans=PREFIX, wrapcode=True)
    code = highlight((ROOT / path).read_text(), PythonLexer(), formatter)
    back = "../" * path.count("/") + PAGE.name
    return SHOWN.format(path=path, back=back, colours=formatter.get_style_defs(".highlight"), code=code)


def _link(found: re.Match[str]) -> str:
    path, name = found.groups()
    may_break = name.replace("_", "_<wbr>")
    return f'<a href="{path}.html#{PREFIX}-{_lines(path)[name]}">{may_break}</a>'


@cache
def _lines(path: str) -> dict[str, int]:
    return lines_of_tests(ROOT / path)


if __name__ == "__main__":
    print(f"{show()} files of tests beside {PAGE.name}")
