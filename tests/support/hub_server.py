"""HubServer: a loopback server that speaks the Hub's download protocol, and fails as it is told.

HEAD, GET /OWNER/REPO/resolve/COMMIT/FILE    with ETag, X-Repo-Commit, Content-Length, Range
GET /plain/FILE                              the same bytes without the protocol
"""

import hashlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ERRORS = {  # what the Hub answers: status, X-Error-Code
    "missing repository": (404, "RepoNotFound"),
    "missing revision": (404, "RevisionNotFound"),
    "missing file": (404, "EntryNotFound"),
    "unauthorised": (401, "RepoNotFound"),
    "gated": (403, "GatedRepo"),
    "broken": (500, ""),
}


class HubServer:
    """`files` maps names, with their folders where two are alike, to bytes.

    `fault` is a key of ERRORS, "wrong bytes" or None. `missing` are names that are not found.

    A `silent` server takes requests and never answers. The first `cuts` downloads end after
    `cut_after` bytes. `seen` collects (method, path, headers).
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fault: str | None = None
        self.missing: set[str] = set()
        self.silent = False
        self.cuts, self.cut_after = 0, 1000
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "HubServer":
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def ranges(self) -> list[str]:
        """The Range header of each download, "" where it had none."""
        return [headers.get("range", "") for method, _, headers in self.seen if method == "GET"]


def use_hub(server: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the Hub's client ask this server, and keep what it gives in a folder."""
    from huggingface_hub import constants, file_download

    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    for module in (constants, file_download):  # older clients read their own copy
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(folder / "assets"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.seen.append((self.command, path, headers))
        if hub.silent:
            time.sleep(1)
            self.close_connection = True
            return
        if hub.fault in ERRORS:
            status, code = ERRORS[hub.fault]
            self.reply(status, {"X-Error-Code": code})
            return
        name = path.partition("/resolve/")[2].partition("/")[2]  # with its folders
        if name not in hub.files:
            name = path.split("/")[-1]
        if name in hub.missing or name not in hub.files:
            self.reply(404, {"X-Error-Code": "EntryNotFound"})
            return
        data = hub.files[name]
        sha256 = hashlib.sha256(data).hexdigest()
        if hub.fault == "wrong bytes":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, status, extra = 0, 200, {}
        if "range" in headers:
            start = int(headers["range"].removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                self.reply(416, {"Content-Range": f"bytes */{len(data)}"})
                return
            status = 206
            extra = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        if "/resolve/" in path:
            extra |= {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256}"'}
            extra |= {"X-Linked-Size": str(len(data))}
        part = data[start:]
        sent = {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes", "Content-Length": str(len(part))}
        self.reply(status, sent | extra, final=False)
        if not body:
            return
        if hub.cuts > 0:
            hub.cuts -= 1
            self.wfile.write(part[: hub.cut_after])
            self.close_connection = True
            return
        self.wfile.write(part)

    def reply(self, status: int, headers: dict[str, str], final: bool = True) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": "0"} | headers if final else headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass
