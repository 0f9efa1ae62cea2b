"""The web app's files: found, compressed, never outside their folder; deep links are the app's own."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shelfcast.bootstrap import in_memory
from shelfcast.entrypoints.http import web
from shelfcast.entrypoints.http.app import build


@pytest.fixture
def client(tmp_path):
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<html>app</html>")
    (folder / "assets" / "main-1a2b.js").write_text("plain")
    (folder / "assets" / "main-1a2b.js.br").write_bytes(b"packed")
    (tmp_path / "secret.txt").write_text("hidden words")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    web.install(app, folder)
    app.add_middleware(web.SecurityHeaders)
    return TestClient(app)


def test_deep_links_get_the_app_and_are_asked_for_anew(client):
    for path in ("/", "/forecasts", "/orders/abc?x=1"):
        answer = client.get(path)
        assert answer.text == "<html>app</html>" and answer.headers["cache-control"] == "no-cache"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_named_assets_are_kept_forever_and_come_packed_where_that_is_understood(client):
    plain = client.get("/assets/main-1a2b.js", headers={"accept-encoding": "identity"})
    assert plain.text == "plain" and "immutable" in plain.headers["cache-control"]
    packed = client.get("/assets/main-1a2b.js", headers={"accept-encoding": "br"})
    assert packed.headers["content-encoding"] == "br" and packed.headers["content-type"].startswith("text/javascript")


def test_nothing_outside_the_folder_is_served(client):
    for path in ("/../secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt"):
        assert "hidden" not in client.get(path).text


def test_a_missing_file_and_an_unknown_api_route_are_404(client):
    assert client.get("/assets/gone.js").status_code == 404
    assert client.get("/v1/nothing").status_code == 404


def test_without_a_build_the_page_says_so_and_names_the_api(monkeypatch, tmp_path):
    monkeypatch.setattr(web, "FOLDER", tmp_path)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    web.install(app, tmp_path)
    page = TestClient(app).get("/").text
    assert "isn't built" in page and "/v1/openapi.json" in page


def test_the_docs_page_lists_every_operation():
    app = build(in_memory())
    page = TestClient(app).get("/docs").text
    assert "/v1/forecasts/totals" in page and "<script" not in page
