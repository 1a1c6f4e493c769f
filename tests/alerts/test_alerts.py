"""Alerts against real servers on this machine: well, slow, refusing, failing, or not there at all."""

import asyncio
import json
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword

from ingest.warehouse import open_warehouse
from opencode_warehouse.alerts import channels
from opencode_warehouse.alerts.cli import main

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECRET = "T0-s3cret-token"  # noqa: S105 - what must never be shown


@dataclass(slots=True)
class Receiver:
    """A web server: what it was sent, and what it answers, one after the other, then 200."""

    port: int = 0
    received: list[dict[str, object]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    pause: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.pause.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.pause.wait(5)
            status, headers = made.answers.pop(0) if made.answers else (200, {})
            if status == 200:
                made.received.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        made.pause.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse with two checks that pass."""
    path = tmp_path / "opencode.duckdb"
    with open_warehouse(path) as connection:
        connection.execute(
            """create table main.health_check_trends as
            select check_id, check_id || ' holds' as name, 'integrity' as family, 'Does it?' as question,
                'PASS' as status, cast(null as varchar) as previous_status, severity,
                cast(0 as double) as value, cast(0 as double) as threshold, 'count' as unit,
                'at_most' as direction, 10 as n_checked, 0 as n_failed, cast(null as varchar) as details,
                cast(null as varchar) as remedy, cast(null as varchar) as trend,
                1 as n_builds, 1 as n_builds_in_status, cast(null as double) as previous_value,
                cast(? as timestamp) as checked_at, cast(? as timestamp) as since, 'build' as build_id
            from (values ('foreign_keys', 'error'), ('error_rate', 'warn')) as t (check_id, severity)""",
            [NOW.replace(tzinfo=None), NOW.replace(tzinfo=None)],
        )
    return path


def judged(
    warehouse: Path, check_id: str, status: str, details: str = "3 of 10 rows <lead> nowhere."
) -> None:
    """Let a build have found a check so."""
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute(
            """update main.health_check_trends
            set status = ?, details = ?, remedy = 'Mend & build.' where check_id = ?""",
            [status, details, check_id],
        )


@dataclass(slots=True)
class Teller:
    """Runs the command, with the pauses between its tries noted instead of waited."""

    warehouse: Path
    pauses: list[float] = field(default_factory=list)

    def __call__(self, environ: dict[str, str], *arguments: str, at: datetime = NOW) -> int:
        return main(
            ["--warehouse", str(self.warehouse), *arguments], environ, self.pauses.append, clock=lambda: at
        )


@pytest.fixture
def tell(warehouse: Path) -> Teller:
    return Teller(warehouse)


def test_a_problem_is_told_when_it_begins_and_when_it_ends_and_never_in_between(
    receiver: Receiver, warehouse: Path, tell: Teller
) -> None:
    environ = {"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}
    assert tell(environ) == 0
    assert receiver.received == []
    for build in range(10):
        judged(warehouse, "foreign_keys", "FAIL", f"{build + 1} of 10 rows lead nowhere.")
        assert tell(environ, at=NOW + timedelta(hours=build)) == 0
    [began] = receiver.received
    assert began["subject"] == "FAIL: foreign_keys"
    assert began["problems"] == [
        {
            "check_id": "foreign_keys",
            "name": "foreign_keys holds",
            "event": "began",
            "status": "FAIL",
            "since": "2026-11-22T08:00:00Z",
            "details": "1 of 10 rows lead nowhere.",
            "remedy": "Mend & build.",
        }
    ]
    # Nothing to look at says nothing of whether it is over.
    judged(warehouse, "foreign_keys", "SKIP")
    tell(environ, at=NOW + timedelta(hours=11))
    assert len(receiver.received) == 1
    judged(warehouse, "foreign_keys", "PASS")
    for build in range(10):
        tell(environ, at=NOW + timedelta(hours=12 + build))
    assert [message["subject"] for message in receiver.received] == [
        "FAIL: foreign_keys",
        "ended: foreign_keys",
    ]
    judged(warehouse, "foreign_keys", "FAIL")
    tell(environ, at=NOW + timedelta(hours=23))
    assert len(receiver.received) == 3


def test_problems_of_one_run_come_in_one_message_the_worst_first(
    receiver: Receiver, warehouse: Path, tell: Teller
) -> None:
    judged(warehouse, "error_rate", "WARN")
    judged(warehouse, "foreign_keys", "FAIL")
    assert tell({"OPENCODE_ALERTS_SLACK_URL": receiver.url}) == 0
    [message] = receiver.received
    assert str(message["text"]).splitlines() == [
        "*opencode-warehouse* FAIL: foreign_keys and 1 more",
        ":red_circle: *foreign_keys* 3 of 10 rows &lt;lead&gt; nowhere.",
        "      _Mend &amp; build._",
        ":large_yellow_circle: *error_rate* 3 of 10 rows &lt;lead&gt; nowhere.",
        "      _Mend &amp; build._",
    ]


def test_each_channel_has_its_level_and_a_memory_of_its_own(
    receiver: Receiver, warehouse: Path, tell: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(warehouse, "error_rate", "WARN")
    only_failures = {"OPENCODE_ALERTS_SLACK_URL": receiver.url, "OPENCODE_ALERTS_SLACK_LEVEL": "fail"}
    assert tell(only_failures) == 0
    assert receiver.received == []
    assert "slack: nothing new to tell" in capsys.readouterr().out
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url, **only_failures}) == 0
    assert [message["subject"] for message in receiver.received] == ["WARN: error_rate"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_is_tried_again_with_growing_pauses(
    receiver: Receiver, warehouse: Path, tell: Teller, status: int
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    receiver.answers = [(status, {}), (status, {"Retry-After": "7"}), (status, {})]
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}) == 0
    assert len(receiver.received) == 1
    assert tell.pauses == [1, 7, 4]


def test_what_was_not_delivered_is_tried_at_the_next_run_and_told_once(
    receiver: Receiver, warehouse: Path, tell: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    receiver.answers = [(500, {})] * 4
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}) == 1
    assert capsys.readouterr().err == (
        "webhook: not delivered, the server answered 500. It is tried again at the next run.\n"
    )
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}) == 0
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}) == 0
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [400, 404, 301])
def test_a_server_that_refuses_is_not_asked_again(
    receiver: Receiver, warehouse: Path, tell: Teller, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    receiver.answers = [(status, {"Location": "http://127.0.0.1:1/"})]
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}) == 1
    assert tell.pauses == []
    assert f"the server answered {status}" in capsys.readouterr().err


def test_a_slow_server_and_one_that_is_down_are_named_without_their_address(
    receiver: Receiver,
    warehouse: Path,
    tell: Teller,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    monkeypatch.setattr(channels, "TIMEOUT_S", 0.2)
    receiver.pause.clear()
    assert tell({"OPENCODE_ALERTS_SLACK_URL": receiver.url}) == 1
    assert tell({"OPENCODE_ALERTS_WEBHOOK_URL": f"http://127.0.0.1:1/{SECRET}"}) == 1
    printed = capfd.readouterr()
    assert "slack: not delivered, no answer within 0 seconds" in printed.err
    assert "webhook: not delivered, the server cannot be reached" in printed.err
    assert len(tell.pauses) == 6
    assert SECRET not in printed.err + printed.out + caplog.text


class Mailbox(Message):
    """Keeps what it is sent as parsed messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[object] = []

    def handle_message(self, message: object) -> None:
        self.messages.append(message)


class AnyPort(Controller):
    """A mail server on a port that the system chose, which the controller's own first visit has to know."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


NewMailServer = Callable[..., tuple[str, Mailbox]]


@pytest.fixture
def mail_server() -> Iterator[NewMailServer]:
    running = []

    def start(**options: Any) -> tuple[str, Mailbox]:
        mailbox = Mailbox()
        controller = AnyPort(mailbox, hostname="localhost", port=0, **options)
        controller.start()
        running.append(controller)
        return f"localhost:{controller.port}", mailbox

    yield start
    for controller in running:
        controller.stop()


def mail(url: str) -> dict[str, str]:
    return {
        "OPENCODE_ALERTS_SMTP_URL": url,
        "OPENCODE_ALERTS_EMAIL_FROM": "warehouse@example.org",
        "OPENCODE_ALERTS_EMAIL_TO": "ann@example.org, bob@example.org",
    }


def test_a_mail_says_what_is_wrong_and_what_to_do(
    mail_server: NewMailServer, warehouse: Path, tell: Teller
) -> None:
    host, mailbox = mail_server()
    judged(warehouse, "foreign_keys", "FAIL")
    assert tell(mail(f"smtp://{host}")) == 0
    assert tell(mail(f"smtp://{host}")) == 0
    [message] = mailbox.messages
    assert message["Subject"] == "[opencode-warehouse] FAIL: foreign_keys"  # type: ignore[index]
    assert message["To"] == "ann@example.org, bob@example.org"  # type: ignore[index]
    assert message.get_payload().splitlines() == [  # type: ignore[attr-defined]
        "FAIL foreign_keys, since 2026-11-22 08:00 UTC",
        "  3 of 10 rows <lead> nowhere.",
        "  What to do: Mend & build.",
    ]


def test_a_mail_server_with_starttls_and_a_login_takes_it_and_a_wrong_password_is_named(
    mail_server: NewMailServer,
    warehouse: Path,
    tell: Teller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def login(_server: object, _session: object, _envelope: object, _how: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=given.password == SECRET.encode(), handled=False)

    host, mailbox = mail_server(
        tls_context=context, require_starttls=True, authenticator=login, auth_required=True
    )
    judged(warehouse, "foreign_keys", "FAIL")
    assert tell(mail(f"smtp+starttls://ann:wrong{SECRET}@{host}")) == 1
    error = capsys.readouterr().err
    assert "the mail server answered 535" in error
    assert SECRET not in error
    assert tell(mail(f"smtp+starttls://ann:%C3%A4{SECRET}@{host}")) == 1
    error = capsys.readouterr().err
    assert "an address or the password holds what a mail server cannot be sent" in error
    assert SECRET not in error
    assert tell(mail(f"smtp+starttls://ann:{SECRET}@{host}")) == 0
    assert len(mailbox.messages) == 1


def test_a_mail_server_that_is_down_is_tried_again(
    warehouse: Path, tell: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    assert tell(mail("smtp://127.0.0.1:1")) == 1
    assert tell.pauses == [1, 2, 4]
    assert "email: not delivered, the mail server cannot be reached" in capsys.readouterr().err


def test_checks_that_are_no_longer_made_are_a_problem_too(
    receiver: Receiver, warehouse: Path, tell: Teller
) -> None:
    environ = {"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}
    for hours in (26, 27, 28, 50):
        tell(environ, at=NOW + timedelta(hours=hours))
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute("update main.health_check_trends set checked_at = checked_at + interval 50 hour")
    tell(environ, at=NOW + timedelta(hours=51))
    assert [message["subject"] for message in receiver.received] == [
        "FAIL: health_checks_made",
        "ended: health_checks_made",
    ]


def test_a_check_that_was_taken_out_does_not_stay_open(
    receiver: Receiver, warehouse: Path, tell: Teller
) -> None:
    environ = {"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}
    judged(warehouse, "error_rate", "WARN")
    tell(environ)
    with closing(duckdb.connect(str(warehouse))) as connection:
        connection.execute("delete from main.health_check_trends where check_id = 'error_rate'")
    tell(environ, at=NOW + timedelta(hours=1))
    assert [message["subject"] for message in receiver.received] == ["WARN: error_rate", "ended: error_rate"]


def test_a_dry_run_shows_and_a_test_sends_and_neither_is_remembered(
    receiver: Receiver, warehouse: Path, tell: Teller, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"OPENCODE_ALERTS_WEBHOOK_URL": receiver.url}
    judged(warehouse, "foreign_keys", "FAIL", "Title \x1b[31mred")
    assert tell(environ, "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "FAIL foreign_keys" in printed
    assert "\x1b" not in printed
    assert receiver.received == []
    assert tell(environ, "--test") == 0
    assert receiver.received[0]["subject"] == "WARN: test"
    receiver.answers = [(404, {})]
    assert tell(environ, "--test") == 1
    tell(environ)
    assert receiver.received[1]["subject"] == "FAIL: foreign_keys"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "No channel is set. Set OPENCODE_ALERTS_SLACK_URL"),
        ({"OPENCODE_ALERTS_SLACK_URL": f"ftp://host/{SECRET}"}, "OPENCODE_ALERTS_SLACK_URL is no address"),
        (
            {"OPENCODE_ALERTS_WEBHOOK_URL": f"http://host:{SECRET}/"},
            "OPENCODE_ALERTS_WEBHOOK_URL is no address",
        ),
        ({"OPENCODE_ALERTS_SMTP_URL": "smtps://host"}, "set OPENCODE_ALERTS_EMAIL_FROM"),
        (mail(f"smtp://ann:{SECRET}@host"), "would send a password in clear"),
        *(
            ({name: f"https://host/{SECRET}{sign}x"}, f"{name} holds a line break")
            for name in ("OPENCODE_ALERTS_SLACK_URL", "OPENCODE_ALERTS_WEBHOOK_URL")
            for sign in "\n\r\t \x00"
        ),
        (mail(f"smtps://ann:{SECRET}@host\n"), "OPENCODE_ALERTS_SMTP_URL holds a line break"),
        (
            mail("smtps://host") | {"OPENCODE_ALERTS_EMAIL_FROM": f"a@example.org\nBcc: {SECRET}"},
            "OPENCODE_ALERTS_EMAIL_FROM holds a line break",
        ),
        (
            mail("smtps://host") | {"OPENCODE_ALERTS_EMAIL_TO": f"a@example.org,b@example.org\n{SECRET}"},
            "OPENCODE_ALERTS_EMAIL_TO holds a line break",
        ),
        (
            {"OPENCODE_ALERTS_SLACK_URL": "https://host/x", "OPENCODE_ALERTS_LEVEL": "loud"},
            "is neither WARN nor FAIL",
        ),
    ],
)
def test_a_channel_that_cannot_be_used_is_named_without_its_address(
    tell: Teller, environ: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(environ) == 2
    error = capsys.readouterr().err
    assert said in error
    assert SECRET not in error


def test_without_checks_the_remedy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_warehouse(tmp_path / "opencode.duckdb"):
        pass
    tell = Teller(tmp_path / "opencode.duckdb")
    assert tell({"OPENCODE_ALERTS_SLACK_URL": "https://host/x"}) == 2
    assert "make run" in capsys.readouterr().err


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection by a function, in a thread of its own; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def without_end(head: bytes, piece: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    """Return what says a beginning, and then goes on for ever."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(pause_s)

    return serve


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.mark.parametrize(
    ("scheme", "serve"),
    [
        ("http", without_end(HEAD + b"\r\n", b"x" * 65536)),
        ("http", without_end(HEAD + b"Content-Length: 3000000000\r\n\r\n", b"x" * 65536)),
        ("smtp", without_end(b"", b"220-" + b"x" * 4000 + b"\r\n")),
    ],
    ids=["without a length", "with a length", "mail"],
)
def test_an_answer_that_is_too_large_is_not_read_and_is_no_delivery(
    warehouse: Path,
    tell: Teller,
    capsys: pytest.CaptureFixture[str],
    scheme: str,
    serve: Callable[[socket.socket], None],
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    with server(serve) as port:
        address = f"{scheme}://127.0.0.1:{port}"
        environ = mail(address) if scheme == "smtp" else {"OPENCODE_ALERTS_WEBHOOK_URL": address}
        tracemalloc.start()
        try:
            assert tell(environ) == 1
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert "have more than 64 KiB" in capsys.readouterr().err.replace("server has", "server have")
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("scheme", "serve"),
    [
        ("http", without_end(b"HTTP/1.1 200 OK\r\n", b"", 0.05)),
        ("http", without_end(HEAD, b"X-Header: 1\r\n", 0.05)),
        ("http", without_end(HEAD + b"Content-Length: 3000000000\r\n\r\n", b"x", 0.05)),
        ("smtp", without_end(b"", b"220-wait\r\n", 0.05)),
    ],
    ids=["silence", "headers", "body", "mail"],
)
def test_an_answer_that_comes_drop_by_drop_has_a_deadline(
    warehouse: Path,
    tell: Teller,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    serve: Callable[[socket.socket], None],
) -> None:
    judged(warehouse, "foreign_keys", "FAIL")
    monkeypatch.setattr(channels, "TRY_S", 0.4)
    monkeypatch.setattr(channels, "TOTAL_S", 1.0)
    began = time.monotonic()
    with server(serve) as port:
        address = f"{scheme}://127.0.0.1:{port}"
        assert tell(mail(address) if scheme == "smtp" else {"OPENCODE_ALERTS_WEBHOOK_URL": address}) == 1
    assert "no whole answer within 0 seconds" in capsys.readouterr().err
    assert time.monotonic() - began < 5
    assert len(tell.pauses) == 2, "no other try begins after the whole time"
