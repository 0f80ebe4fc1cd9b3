import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.wire.daraja import lint_callback_url


@pytest.mark.parametrize(
    "url",
    [
        "https://pay.example.co.ke/cb/stk/8f2b",
        "https://pay.example.co.ke:8443/callbacks/c2b_confirmation/sc_0192/9a0b",
        "https://196.201.214.200/cb",
    ],
)
def test_a_good_url_has_no_faults(url: str) -> None:
    assert lint_callback_url(url) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://pay.example.co.ke/cb", "https"),
        ("ftp://pay.example.co.ke/cb", "https://"),
        ("pay.example.co.ke/cb", "https://"),
        ("https:///cb", "host"),
        ("https://localhost/cb", "public"),
        ("https://shop.local/cb", "public"),
        ("https://10.0.0.7/cb", "public"),
        ("https://127.0.0.1/cb", "public"),
        ("https://192.168.1.1:8080/cb", "public"),
        ("https://[::1]/cb", "public"),
        ("https://Pay.example.co.ke/cb", "small letters"),
        ("https://pay.example.co.ke/cb?id=1", "question mark"),
        ("https://pay.example.co.ke/cb#x", "#"),
        ("https://me:pass@pay.example.co.ke/cb", "password"),
        ("https://pay.example.co.ke/c b", "ASCII"),
        ("https://pay.example.co.ke/caf\u00e9", "ASCII"),
        ("https://abc.ngrok.app/cb", "tunnels"),
        ("https://pay.example.co.ke/" + "a" * 2_000, "characters"),
        ("https://[pay.example.co.ke/cb", "cannot be read"),
        ("https://pay.example.co.ke:99999/cb", "cannot be read"),
        ("", "host"),
    ],
)
def test_each_rule_has_its_sentence(url: str, word: str) -> None:
    faults = lint_callback_url(url)
    assert any(word in fault for fault in faults), faults


@pytest.mark.parametrize("word", ["mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query"])
def test_a_forbidden_word_is_named_wherever_it_hides(word: str) -> None:
    fault = [f"Leave out the word {word}: M-Pesa refuses URLs that contain it."]
    for spelled in (word, word.upper(), word.title(), f"my{word}s", "%" + f"{ord(word[0]):x}" + word[1:]):
        assert lint_callback_url(f"https://pay.example.co.ke/{spelled}/cb") == fault
    assert fault[0] in lint_callback_url(f"https://{word}.example.co.ke/cb")


def test_the_sandbox_takes_plain_http_and_tunnels() -> None:
    assert lint_callback_url("http://abc.ngrok.app/cb", live=False) == []
    assert lint_callback_url("http://abc.ngrok.app/mpesa", live=False) != []


@given(st.text())
def test_any_text_can_be_checked(url: str) -> None:
    assert isinstance(lint_callback_url(url), list)
    assert isinstance(lint_callback_url("https://" + url), list)
