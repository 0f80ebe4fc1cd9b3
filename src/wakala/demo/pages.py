"""The shop's pages and files, read once at import; a page is a function of what it shows."""

import hashlib
from importlib import resources
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined

from wakala.demo.orders import PRODUCTS, Order, Product
from wakala.demo.phones import spell_phone
from wakala.demo.wording import LANGUAGES, WORDS

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
CONTENT_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
REFRESH_S: Final = 3

_FOLDER = resources.files("wakala.demo")

FILES: Final[dict[str, tuple[bytes, str]]] = {
    path.name: (path.read_bytes(), CONTENT_TYPES[path.name.rpartition(".")[2]])
    for path in _FOLDER.joinpath("static").iterdir()
    if path.name.rpartition(".")[2] in CONTENT_TYPES
}


def asset(name: str) -> str:
    """The address of a file with its fingerprint, so that a changed file is fetched and an unchanged one is not."""
    return f"/static/{name}?v={hashlib.sha256(FILES[name][0]).hexdigest()[:12]}"


def money(amount_kes: int) -> str:
    """``KES 1,250``: the shop has no cents."""
    return f"KES\u00a0{amount_kes:,}"


def _environment() -> Environment:
    folder = _FOLDER.joinpath("templates")
    templates = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.name.endswith(".html")}
    environment = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"asset": asset, "money": money, "languages": LANGUAGES, "refresh_s": REFRESH_S}
    environment.filters["phone"] = spell_phone
    return environment


_ENVIRONMENT: Final = _environment()


def _render(template: str, language: str, **shown: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(language=language, words=WORDS[language], **shown)


def shelf_page(language: str) -> str:
    """What there is to buy."""
    return _render("shelf.html", language, products=PRODUCTS.values())


def buy_page(
    product: Product, order_id: str, language: str, *, typed: str = "", is_bad_phone: bool = False, hint: str = ""
) -> str:
    """One product and one field. The form carries the ID of the order, so that a double click is one order."""
    return _render(
        "buy.html",
        language,
        product=product,
        order_id=order_id,
        typed=typed,
        is_bad_phone=is_bad_phone,
        hint=hint,
    )


def order_page(order: Order, language: str, phone_url: str) -> str:
    """How an order stands."""
    return _render("order.html", language, order=order, product=order.product, phone_url=phone_url)


def plain_page(language: str, title: str, sentence: str) -> str:
    """A title and a sentence, by their keys."""
    words = WORDS[language]
    return _render("plain.html", language, title=words[title], sentence=words[sentence])
