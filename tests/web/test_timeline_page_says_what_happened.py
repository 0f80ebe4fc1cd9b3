"""The timeline as text: what the template does with every kind of data, without a browser."""

import json
import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.web import rendering, waterfall, wording
from wakala.web.highlighting import SHOWN_LIMIT_CHARS, show
from web.pages import STATES, event, exchange, failed, pending, succeeded, trace


def text_of(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_a_page_names_amount_state_and_customer_and_has_nothing_inline(state: str, language: str) -> None:
    page = rendering.render_timeline(STATES[state](), language)
    assert f'<html lang="{language}">' in page
    assert "KES\u00a0150.00" in page
    assert "2547*****142" in page
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


def test_a_failed_payment_says_why_and_what_to_do_in_the_language_asked_for() -> None:
    english, swahili = (text_of(rendering.render_timeline(failed(), language)) for language in ("en", "sw"))
    assert "Why did it fail? The customer cancelled the prompt on the phone." in english
    assert "Ask again with a new RequestID" in english
    assert "Kwa nini imeshindikana? Mteja alighairi ujumbe kwenye simu." in swahili
    assert "cancelled the prompt" not in swahili


def test_the_sandbox_says_test_in_bar_title_and_icon_and_live_does_not() -> None:
    sandbox, live = rendering.render_timeline(succeeded(), "en"), rendering.render_timeline(STATES["flagged"](), "en")
    for mark in ("test-bar", "<title>TEST", "favicon-test."):
        assert mark in sandbox
        assert mark not in live


def test_only_a_page_with_something_to_come_refreshes_itself() -> None:
    refresh = f'<noscript><meta http-equiv="refresh" content="{rendering.REFRESH_S}"></noscript>'
    assert refresh in rendering.render_timeline(pending(), "en")
    assert refresh in rendering.render_timeline(failed(), "en"), "a notification still waits"
    assert refresh not in rendering.render_timeline(succeeded(), "en")


def test_a_payment_whose_notifications_were_forgotten_does_not_promise_one() -> None:
    assert "Your system is told as soon as" in text_of(rendering.render_timeline(pending(), "en"))
    old = text_of(rendering.render_timeline(succeeded() | {"Notifications": []}, "en"))
    assert "None is kept: it was forgotten after its time" in old
    assert "Your system is told as soon as" not in old


def test_the_receipt_is_shown_with_a_button_that_copies_it() -> None:
    assert 'data-copy="UKN4K7P2QX"' in rendering.render_timeline(succeeded(), "en")


def test_a_quarantined_callback_is_shown_as_such_with_its_reason() -> None:
    page = text_of(rendering.render_timeline(failed(), "en"))
    assert "404 in quarantine" in page
    assert "quarantined: the address is not one of M-Pesa's" in page


def test_names_the_page_has_never_heard_of_are_shown_as_they_are() -> None:
    strange = trace(
        [
            exchange(0, 5, "ratiba_notice", "in", "/callbacks/ratiba"),
            event(6, "put_aside", None, "on_ice", "Something new.", "Jambo jipya."),
        ],
        State="on_ice",
        Kind="lottery_ticket",
        Flags=["brand_new"],
        Evidence="oracle",
    )
    page = text_of(rendering.render_timeline(strange, "en"))
    for words in ("On ice", "ratiba notice", "lottery ticket", "brand_new", "oracle", "Something new."):
        assert words in page


def test_what_a_stranger_sent_cannot_become_markup() -> None:
    attack = "<script>alert(1)</script>\"'&"
    hostile = trace(
        [
            exchange(
                0,
                1,
                "c2b_confirmation",
                "in",
                attack,
                RequestBody=json.dumps({attack: attack}),
                AnswerBody=attack,
                RequestHeaders=[[attack, attack]],
                Verdict=attack,
                Error=attack,
                Peer=attack,
            ),
            event(2, "received", None, "received", attack, attack, **{"<b>": attack}),
        ],
        AccountReference=attack,
        RequestID=attack,
        Cause={"en": attack, "sw": attack},
        ResultCode=attack,
        ResultDesc=attack,
    )
    page = rendering.render_timeline(hostile, "en")
    assert "<script>alert" not in page
    assert "<b>" not in page


def test_a_payment_without_a_customer_or_reference_has_a_page_too() -> None:
    bare = trace([], SenderMSISDN=None, AccountReference=None)
    assert "KES\u00a0150.00" in rendering.render_timeline(bare, "sw")


def test_the_unknown_link_gets_a_sentence_in_both_languages() -> None:
    assert "Copy the whole link again" in rendering.render_unknown_trace("en")
    assert "Nakili kiungo chote tena" in rendering.render_unknown_trace("sw")


def test_both_languages_have_the_same_words() -> None:
    english, swahili = wording.WORDS["en"], wording.WORDS["sw"]
    for group in ("page", "exchanges", "parties", "kinds", "evidence", "flags"):
        ours: dict[str, str] = getattr(english, group)
        theirs: dict[str, str] = getattr(swahili, group)
        assert ours.keys() == theirs.keys()
        for key, sentence in ours.items():
            assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", theirs[key])), key


@pytest.mark.parametrize(
    ("asked", "header", "chosen"),
    [
        ("sw", "en", "sw"),
        ("en", "sw", "en"),
        (None, "sw-KE,sw;q=0.9,en;q=0.8", "sw"),
        (None, "fr, SW;q=0.5", "sw"),
        ("fr", "", "en"),
        (None, "", "en"),
    ],
)
def test_the_link_then_the_browser_then_english_decides_the_language(
    asked: str | None, header: str, chosen: str
) -> None:
    assert wording.choose_language(asked, header) == chosen


# ── Static files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_address_on_a_page_is_a_static_file_with_a_hash_in_its_name() -> None:
    page = rendering.render_timeline(succeeded(), "en")
    addresses = re.findall(r'"/static/([^"]+)"', page)
    assert len(addresses) == 3
    for name in addresses:
        assert re.fullmatch(r"[a-z-]+\.[0-9a-f]{12}\.(css|js|svg)", name)
        assert rendering.STATIC_FILES[name].content
    with pytest.raises(KeyError):
        rendering.asset("of-nobody.css")


def test_a_page_stays_small() -> None:
    sizes = sum(len(file.content) for file in rendering.STATIC_FILES.values())
    assert sizes < 40_000, "the whole look and script before compression; the budget is 140 KB after it"


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_is_indented_and_keeps_the_digits_and_doubles_that_were_sent() -> None:
    shown = show('{"Amount":10.00,"Amount":1e2,"Ok":[true,null,[]],"Name":"Wanjikũ"}')
    lines = re.sub(r"<[^>]*>", "", shown.pretty.unescape()).splitlines()
    assert lines[1:3] == ['  "Amount": 10.00,', '  "Amount": 1e2,']
    assert lines[3:7] == ['  "Ok": [', "    true,", "    null,", "    []"]
    assert "Wanjikũ" in lines[8]
    assert shown.is_changed


@pytest.mark.parametrize("text", ["", "ok", "<html>", "{", "17", '"text"', "[" * 100_000, "{\x00}"])
def test_what_is_not_an_object_or_list_is_shown_as_it_came(text: str) -> None:
    shown = show(text)
    assert shown.pretty.unescape() == text[:SHOWN_LIMIT_CHARS]
    assert not shown.is_changed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_highlighting_never_changes_the_meaning(value: Any) -> None:
    shown = show(json.dumps(value))
    assert json.loads(unescape(re.sub(r"<[^>]*>", "", shown.pretty))) == value


def test_a_masked_phone_number_leaves_the_rest_as_readable_as_before() -> None:
    items = '[{"Name":"Amount","Value":150.00},{"Name":"PhoneNumber","Value":2547*****678}]'
    body = f'{{"Item":{items},"Note":"a, 2547*****678"}}'
    shown = show(body)
    lines = re.sub(r"<[^>]*>", "", shown.pretty.unescape()).splitlines()
    assert '      "Value": 2547*****678' in lines
    assert '  "Note": "a, 2547*****678"' in lines
    assert '<span class="j-number">2547*****678</span>' in shown.pretty
    assert (shown.raw, shown.is_changed) == (body, True)


# ── The drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────


MADE_TO_BE_LARGE = {
    "deep and many": "[" * 400 + "1," * 31_000 + "1" + "]" * 400,
    "deep": '{"a":' * 900 + "1" + "}" * 900,
    "many": "[" + "1," * 32_000 + "1]",
    "many names": "{" + ",".join(f'"{number}":[]' for number in range(6_000)) + "}",
}


@pytest.mark.parametrize("name", MADE_TO_BE_LARGE)
def test_a_body_that_was_made_to_be_large_is_shown_as_it_came(name: str) -> None:
    shown = show(MADE_TO_BE_LARGE[name])
    assert shown.pretty.unescape() == MADE_TO_BE_LARGE[name]


def test_half_a_character_that_was_spelled_in_json_stays_spelled() -> None:
    body = '{"Name":"J\\ud83d","\\udc00":"\\ud83d\\ude00"}'
    assert '"J\\ud83d"' in show(body).pretty.unescape()
    page = rendering.render_timeline(trace([exchange(0, 1, "stk_callback", "in", "/", AnswerBody=body)]), "en")
    assert "\\udc00" in page.encode().decode()
    assert "\U0001f600" in page


def test_the_wait_for_the_customer_stands_between_prompt_and_result() -> None:
    spans = waterfall.spans_of(succeeded()["Entries"], is_open=False)
    wait = next(span for span in spans if span.party == "human")
    assert wait.start_ms == pytest.approx(335.7)
    assert wait.end_ms == pytest.approx(14_208.2)


def test_a_quarantined_result_does_not_end_the_wait() -> None:
    wait = next(span for span in waterfall.spans_of(failed()["Entries"], is_open=False) if span.party == "human")
    assert wait.end_ms == pytest.approx(21_940.2)


def test_a_pending_push_waits_with_an_open_end_to_the_right_edge() -> None:
    drawing = waterfall.draw(waterfall.spans_of(pending()["Entries"], is_open=True))
    wait = next(bar for bar in drawing.bars if bar.span.party == "human")
    assert wait.span.end_ms is None
    assert wait.x_percent + wait.width_percent == pytest.approx(100)
    assert wait.width_percent > 10


@given(
    st.lists(
        st.tuples(
            st.floats(0, 4e8, allow_nan=False),
            st.none() | st.floats(0, 60_000, allow_nan=False),
            st.sampled_from(["api_request", "stk_push", "stk_callback", "delivery", "token"]),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_every_bar_stays_inside_the_drawing_and_in_the_order_of_time(
    calls: list[tuple[float, float | None, str]], is_open: bool
) -> None:
    entries = [
        {
            "Type": "exchange",
            "OffsetMs": start,
            "DurationMs": length,
            "Name": name,
            "Direction": "in",
            "Status": 200,
            "Error": None,
            "Verdict": "ok",
        }
        for start, length, name in sorted(calls, key=lambda call: call[0])
    ]
    drawing = waterfall.draw(waterfall.spans_of(entries, is_open=is_open))
    for bar in drawing.bars:
        assert 0 <= bar.x_percent <= bar.x_percent + bar.width_percent <= 100.0001
    starts = [round(bar.x_percent, 6) for bar in drawing.bars if bar.x_percent + waterfall.BAR_FLOOR_PERCENT < 99]
    assert starts == sorted(starts)
    assert len(drawing.bars) <= waterfall.ROWS_LIMIT


@pytest.mark.parametrize(
    ("milliseconds", "spelled"),
    [
        (0, "0 ms"),
        (0.4, "0.4 ms"),
        (12.4, "12 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (14_208, "14.2 s"),
        (59_960, "1 min"),
        (901_023, "15 min 1 s"),
        (3_600_000, "1 h"),
        (3 * 3_600_000 + 720_000, "3 h 12 min"),
        (90 * 3_600_000, "3 d 18 h"),
    ],
)
def test_a_length_of_time_is_spelled_as_people_say_it(milliseconds: float, spelled: str) -> None:
    assert rendering.spell_duration(milliseconds).replace("\u00a0", " ") == spelled
