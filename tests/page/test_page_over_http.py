"""Pages over HTTP, without a browser: headers, states, validators, and the way in with a token."""

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from monitor.page.assets import assets
from monitor.page.login import FORM, SESSION, local_path
from monitor.page.views import ApplicationRow, OverviewView, Query
from tests.page.sample import NOW, SampleReading, overview
from tests.page.serving import serving

TOKEN = "a-token-that-may-read"


class OneToken:
    """A gate that knows one token."""

    def required(self) -> bool:
        return True

    def may_read(self, token: str) -> bool:
        return token == TOKEN


class States(SampleReading):
    """Applications in the states that a day brings."""

    def applications(self) -> tuple[ApplicationRow, ...]:
        return (ApplicationRow("support", 12, 0, None, "no alerts", NOW),)

    def overview(self, application: str, query: Query) -> OverviewView | None:
        view = overview(application, query)
        if application == "stale":
            return replace(view, state=replace(view.state, lag=720.0, watermark=NOW - 720_000_000))
        return replace(view, alerts=(), last_alert="#411, resolved 00:31", chrome=replace(view.chrome, open_alerts=0))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(SampleReading()) as url, httpx.Client(base_url=url) as opened:
        yield opened


@pytest.fixture(scope="module")
def states() -> Iterator[httpx.Client]:
    with serving(States()) as url, httpx.Client(base_url=url) as opened:
        yield opened


@pytest.fixture
def guarded() -> Iterator[httpx.Client]:
    with serving(SampleReading(), OneToken()) as url, httpx.Client(base_url=url) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/", "/apps/support", "/apps/search", "/apps/support/signals/response.words"])
def test_every_page_forbids_inline_code_and_holds_none(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<[^>]*\s(style|on\w+)=", answer.text)
    inline = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", answer.text)
    assert all('type="application/json"' in attributes for attributes in inline)
    assert "://" not in re.sub(r"<code>.*?</code>", "", answer.text, flags=re.S)


@pytest.mark.parametrize("path", ["/apps/nobody", "/apps/support/signals/nothing", "/apps/a%2Fb/signals/c%2Fd"])
def test_what_does_not_exist_says_so(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Nothing here" in answer.text


def test_every_link_of_the_overview_leads_somewhere(client: httpx.Client) -> None:
    text = client.get("/apps/support").text
    links = set(re.findall(r'href="([^"]+)"', text)) | set(re.findall(r'src="([^"]+)"', text))
    assert len(links) > 30
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
        else:
            assert client.get(link.replace("&amp;", "&"), follow_redirects=True).status_code == 200, link


def test_an_unchanged_page_and_file_are_not_sent_twice(client: httpx.Client) -> None:
    for path in ("/apps/support", "/static/app.css"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"if-none-match": tag}).status_code == 304


@pytest.mark.parametrize("name", ["", "../routes.py", "%2e%2e/routes.py", "vendor", "vendor/../../views.py", "missing.js"])
def test_only_shipped_files_are_served(client: httpx.Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_foreign_code_ships_with_its_licence() -> None:
    vendored = [name for name in assets() if name.startswith("vendor/") and name.endswith(".js")]
    assert [name.split("/")[1].split("-")[0] for name in vendored] == ["echarts", "htmx"]
    for name in vendored:
        assert f"vendor/{name.split('/')[1].split('-')[0]}-LICENSE.txt" in assets()


def test_one_application_opens_at_once_and_several_are_listed(client: httpx.Client, states: httpx.Client) -> None:
    assert states.get("/").headers["location"] == "/apps/support"
    assert "waiting for the first interaction" in client.get("/").text


def test_the_first_run_shows_how_to_send_and_how_far_it_is_and_no_chart(client: httpx.Client) -> None:
    text = client.get("/apps/search").text
    assert "curl -X POST" in text
    assert "0 of 24 windows" in text
    assert "data-drawing" not in text


def test_figures_that_lag_say_since_when(states: httpx.Client) -> None:
    text = states.get("/apps/stale").text
    assert 'class="state stale"' in text
    assert "figures as of 14:20" in text


def test_a_day_without_alerts_names_the_last_one(states: httpx.Client) -> None:
    assert "No alerts. Last: #411, resolved 00:31." in states.get("/apps/support").text


def log_in(client: httpx.Client, token: str, target: str = "/apps/support") -> httpx.Response:
    form = re.search(r'name="form" value="([^"]+)"', client.get("/login", params={"next": target}).text)
    assert form is not None
    return client.post("/login", data={"form": form[1], "next": target, "token": token})


def test_a_token_is_asked_for_once(guarded: httpx.Client) -> None:
    asked = guarded.get("/apps/support?range=24h")
    assert asked.headers["location"] == "/login?next=%2Fapps%2Fsupport%3Frange%3D24h"
    entered = log_in(guarded, TOKEN)
    assert (entered.status_code, entered.headers["location"]) == (303, "/apps/support")
    cookie = next(c for c in entered.headers.get_list("set-cookie") if c.startswith(SESSION))
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert guarded.get("/apps/support").status_code == 200
    assert "log out" in guarded.get("/apps/support").text


def test_a_wrong_token_opens_nothing(guarded: httpx.Client) -> None:
    assert log_in(guarded, "guess").status_code == 401
    assert guarded.get("/apps/support").status_code == 303


def test_a_forged_login_is_refused(guarded: httpx.Client) -> None:
    assert guarded.post("/login", data={"token": TOKEN, "form": "x", "next": "/"}).status_code == 403
    guarded.get("/login")
    assert FORM in guarded.cookies
    assert guarded.post("/login", data={"token": TOKEN, "form": "é", "next": "/"}).status_code == 403
    assert guarded.post("/login", content=b"token=" + b"x" * 10_000).status_code == 413
    assert SESSION not in guarded.cookies


def test_logging_out_needs_the_session_itself(guarded: httpx.Client) -> None:
    assert "set-cookie" not in guarded.post("/logout").headers
    log_in(guarded, TOKEN)
    assert guarded.post("/logout").headers["location"] == "/login"
    assert guarded.get("/apps/support").status_code == 303


def test_a_refresh_without_a_session_sends_the_browser_to_the_login(guarded: httpx.Client) -> None:
    answer = guarded.get("/apps/support", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/login?next=")


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nb"])
def test_the_login_leads_nowhere_else(path: str) -> None:
    assert local_path(path) == "/"
