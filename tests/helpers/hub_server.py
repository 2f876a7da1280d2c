"""A server on this machine that speaks as much of the Hugging Face hub's API as pushing and pulling a model needs.

Repositories are in memory: each commit is {path: content}. What was asked for is in `requests`.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """The server. `repositories`: name -> commits by hash, in their order; `private`: names; `token`: who may write."""

    daemon_threads = True
    token = "hf_of_the_test"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.lies: dict[str, int] = {}  # path -> the size that the hub says

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Adds a commit of these files, and returns its hash."""
        commits = self.repositories.setdefault(repository, {})
        content = [(path, hashlib.sha1(files[path]).hexdigest()) for path in sorted(files)]
        oid = hashlib.sha1(json.dumps([len(commits), content]).encode()).hexdigest()
        commits[oid] = files
        return oid

    def at(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]]:
        """The commit that a revision is, and its files. KeyError where there is none."""
        commits = self.repositories[repository]
        oid = list(commits)[-1] if revision == "main" else revision
        return oid, commits[oid]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def missing(self, code: str) -> None:
        self.json({"error": code}, 404, X_Error_Code=code)

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(f"{self.command} {path}")
        may = self.headers.get("Authorization") == f"Bearer {self.server.token}"
        for pattern, method in ROUTES:
            verb, _, rest = pattern.partition(" ")
            if self.command in verb.split("|") and (found := re.fullmatch(rest, path)):
                repository = found.groupdict().get("repo", "")
                writes = method in (Handler.create, Handler.preupload, Handler.put_commit, Handler.batch)
                if writes and not may:
                    return self.json({"error": "Invalid username or password."}, 401)
                if repository and (
                    repository not in self.server.repositories or (repository in self.server.private and not may)
                ):
                    return self.missing("RepoNotFound")
                try:
                    return method(self, body, **found.groupdict())
                except KeyError:
                    return self.missing("RevisionNotFound")
        return self.json({"error": f"no such call: {self.command} {path}"}, 501)

    do_GET = do_POST = do_PUT = do_HEAD = handle_any

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if name not in self.server.repositories:
            self.server.commit(name, {".gitattributes": b""})
            self.server.private |= {name} if asked.get("private") or asked.get("visibility") == "private" else set()
            self.json({"url": f"{self.server.url}/{name}", "name": name})
        else:
            self.json({"error": "You already created this model repo", "url": f"{self.server.url}/{name}"}, 409)

    def validate(self, body: bytes) -> None:
        assert json.loads(body)["content"].startswith("---\n")
        self.json({"errors": [], "warnings": []})

    def whoami(self, body: bytes) -> None:
        self.json({"name": "me", "type": "user", "orgs": []})

    def info(self, body: bytes, repo: str, revision: str | None = None) -> None:
        oid, _ = self.server.at(repo, revision or "main")
        self.json({"_id": "1", "id": repo, "sha": oid})

    def paths(self, body: bytes, repo: str, revision: str) -> None:
        _, files = self.server.at(repo, revision)
        asked = parse_qs(body.decode())["paths"]
        self.json([self.described(path, files[path]) for path in asked if path in files])

    def described(self, path: str, content: bytes) -> dict[str, Any]:
        size = self.server.lies.get(path, len(content))
        return {"type": "file", "path": path, "size": size, "oid": hashlib.sha1(content).hexdigest()}

    def preupload(self, body: bytes, repo: str, revision: str) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith((".safetensors", ".png")) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        self.json({"files": modes})

    def batch(self, body: bytes, repo: str) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.server.url}/objects/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        self.json({"transfer": "basic", "objects": objects})

    def put_object(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.server.objects[oid] = body
        self.answer(200)

    def put_commit(self, body: bytes, repo: str, revision: str) -> None:
        _, files = self.server.at(repo, revision)
        files = dict(files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.server.objects[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        oid = self.server.commit(repo, files)
        url = f"{self.server.url}/{repo}/commit/{oid}"
        self.json({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def resolve(self, body: bytes, repo: str, revision: str, path: str) -> None:
        oid, files = self.server.at(repo, revision)
        if path not in files:
            return self.missing("EntryNotFound")
        etag = f'"{hashlib.sha256(files[path]).hexdigest()}"'
        return self.answer(200, files[path], ETag=etag, X_Repo_Commit=oid)


REPO = "(?P<repo>[^/]+/[^/]+?)"
ROUTES: tuple[tuple[str, Any], ...] = (
    ("POST /api/repos/create", Handler.create),
    ("POST /api/validate-yaml", Handler.validate),
    ("GET /api/whoami-v2", Handler.whoami),
    (f"POST /api/models/{REPO}/preupload/(?P<revision>.+)", Handler.preupload),
    (f"POST /api/models/{REPO}/commit/(?P<revision>.+)", Handler.put_commit),
    (f"POST /api/models/{REPO}/paths-info/(?P<revision>.+)", Handler.paths),
    (f"GET /api/models/{REPO}(/revision/(?P<revision>.+))?", Handler.info),
    (f"POST /{REPO}\\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT /objects/(?P<oid>[0-9a-f]{64})", Handler.put_object),
    (f"GET|HEAD /{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Handler.resolve),
)


@contextmanager
def served() -> Iterator[Hub]:
    """A hub, as long as the block lasts."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
