"""Pages of HTML that ask nothing of the network, built as trees of elements.

Whatever stands in a prompt or in a file's name is text and never markup; a content security policy
lets a page load nothing from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light dark; --line: #8884; --weak: #888; --bar: #4a7fb5; --bad: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --bar: #7fb0e0; --bad: #ff8a75; } }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p, li, td, th, figcaption { overflow-wrap: anywhere; }
.weak { color: var(--weak); font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
td.text { text-align: left; white-space: normal; }
.clips { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
figure img { width: 48%; max-width: 10rem; image-rendering: auto; border-radius: .25rem; }
figcaption { font-size: .875rem; } figcaption p { margin: .35rem 0; }
.no { color: var(--bad); }
svg { width: 100%; height: 4rem; } rect { fill: var(--bar); }
"""


def document(title: str, *parts: Element, policy: str = POLICY) -> str:
    """A page of these parts under its title; `policy` says what it may load and run."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", **{"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("title", title),
        tag("style", STYLE),
    )
    body = tag("body", tag("h1", title), *parts)
    return "<!doctype html>\n" + ElementTree.tostring(
        tag("html", head, body, lang="en"), encoding="unicode", method="html"
    )


def wide(inside: Element) -> Element:
    """What may be wider than the page, in a box that scrolls."""
    return tag("div", inside, **{"class": "wide"})


def grid(inside: Iterable[Element]) -> Element:
    """Elements side by side, as many as fit."""
    return tag("div", *inside, **{"class": "clips"})


def tag(name: str, /, *inside: Element | str, **attributes: str) -> Element:
    """An element with text and elements inside, in their order."""
    found = Element(name, attributes)
    last: Element | None = None
    for part in inside:
        if isinstance(part, Element):
            found.append(part)
            last = part
        elif last is None:
            found.text = (found.text or "") + part
        else:
            last.tail = (last.tail or "") + part
    return found
