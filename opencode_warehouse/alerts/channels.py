"""Where alerts go: Slack, any web server that takes JSON, e-mail. Addresses are secrets and never shown."""

import queue
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from ingest.errors import IngestError
from ingest.human import printable
from opencode_warehouse.alerts.problems import BEGAN, LEVELS, Problem, subject

PREFIX = "OPENCODE_ALERTS_"
TIMEOUT_S = 10.0
"""How long a server may be silent."""
TRY_S = 30.0
"""How long one try takes at most, however a server spreads its answer."""
TOTAL_S = 120.0
"""After how long no other try is begun."""
ATTEMPTS = 4
LONGEST_WAIT_S = 30.0
ANSWER_BYTES = 64 * 1024
"""More than any server says to a message; what goes on for longer is not read."""
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f]")
_NOT_IN_MAIL_ADDRESS = re.compile(r"[\x00-\x1f\x7f]")
PRODUCT = "opencode-warehouse"


class DeliveryError(Exception):
    """A channel did not take the message; the text holds no address and no secret."""


class TemporaryError(DeliveryError):
    """The channel may take it at another try. `after_s` is how long it asks to be left alone."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Channel(Protocol):
    """A way to tell somebody. `level` is the status from which on it is told: WARN or FAIL."""

    @property
    def name(self) -> str:
        """What it is called in the warehouse: slack, webhook or email."""

    @property
    def level(self) -> str:
        """WARN or FAIL."""

    def send(self, problems: Sequence[Problem]) -> None:
        """Send one message of all these problems. Raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Slack:
    """A Slack incoming webhook."""

    url: str
    level: str
    name: str = "slack"

    def send(self, problems: Sequence[Problem]) -> None:
        """Send one message of all these problems. Raises DeliveryError."""
        lines = [f"*{PRODUCT}* {_slack(subject(problems))}"]
        for problem in problems:
            sign = ":red_circle:" if problem.status == "FAIL" else ":large_yellow_circle:"
            if problem.event == BEGAN:
                lines.append(f"{sign} *{_slack(problem.check_id)}* {_slack(problem.details)}")
                lines.append(f"      _{_slack(problem.remedy)}_" if problem.remedy else "")
            else:
                lines.append(f":large_green_circle: *{_slack(problem.check_id)}* is over.")
        _post(self.url, {"text": "\n".join(line for line in lines if line)})


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any server that takes a POST of JSON: {source, subject, problems: [{check_id, event, status, …}]}."""

    url: str
    level: str
    name: str = "webhook"

    def send(self, problems: Sequence[Problem]) -> None:
        """Send one message of all these problems. Raises DeliveryError."""
        listed = [
            {
                "check_id": problem.check_id,
                "name": problem.name,
                "event": problem.event,
                "status": problem.status,
                "since": f"{problem.since.isoformat()}Z",
                "details": problem.details,
                "remedy": problem.remedy,
            }
            for problem in problems
        ]
        _post(self.url, {"source": PRODUCT, "subject": subject(problems), "problems": listed})


@dataclass(frozen=True, slots=True)
class Email:
    """A mail server, as smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]."""

    url: str
    sender: str
    recipients: tuple[str, ...]
    level: str
    name: str = "email"

    def send(self, problems: Sequence[Problem]) -> None:
        """Send one message of all these problems. Raises DeliveryError."""
        server = urlsplit(self.url)
        try:
            message = EmailMessage()
            message["Subject"] = f"[{PRODUCT}] {printable(subject(problems))}"
            message["From"] = self.sender
            message["To"] = ", ".join(self.recipients)
            message.set_content(as_text(problems))
            with _connect(server.scheme, server.hostname or "", server.port) as connection:
                if server.username is not None:
                    connection.login(unquote(server.username), unquote(server.password or ""))
                connection.send_message(message)
        except smtplib.SMTPResponseException as error:
            kind = TemporaryError if 400 <= error.smtp_code < 500 else DeliveryError
            raise kind(f"the mail server answered {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise DeliveryError("the mail server takes none of the recipients") from None
        except smtplib.SMTPNotSupportedError:
            raise DeliveryError(
                "the mail server lacks what the address asks for (STARTTLS or a login)"
            ) from None
        except ValueError as error:  # its text may hold an address or the password
            raise DeliveryError(
                f"an address or the password holds what a mail server cannot be sent ({type(error).__name__})"
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise TemporaryError(f"the mail server cannot be reached ({type(error).__name__})") from None


def as_text(problems: Sequence[Problem]) -> str:
    """Return problems as plain text."""
    lines = []
    for problem in problems:
        if problem.event == BEGAN:
            lines.append(f"{problem.status} {problem.check_id}, since {problem.since:%Y-%m-%d %H:%M} UTC")
            lines.append(f"  {printable(problem.details)}")
            lines.append(f"  What to do: {printable(problem.remedy)}" if problem.remedy else "")
        else:
            lines.append(f"OVER {problem.check_id}, since {problem.since:%Y-%m-%d %H:%M} UTC")
    return "\n".join(line for line in lines if line) + "\n"


def configured(environ: Mapping[str, str]) -> list[Channel]:
    """Return the channels that the environment names.

    Raises IngestError where it names none, or one that cannot be used.
    """

    def level(channel: str) -> str:
        name = f"{PREFIX}{channel}_LEVEL"
        given = environ.get(name, "").upper() or environ.get(f"{PREFIX}LEVEL", "").upper() or LEVELS[0]
        if given not in LEVELS:
            raise IngestError(f"{name} is neither WARN nor FAIL. Set it to one of them, or unset it.")
        return given

    channels: list[Channel] = []
    if url := environ.get(f"{PREFIX}SLACK_URL"):
        channels.append(Slack(_checked(f"{PREFIX}SLACK_URL", url, "http", "https"), level("SLACK")))
    if url := environ.get(f"{PREFIX}WEBHOOK_URL"):
        channels.append(Webhook(_checked(f"{PREFIX}WEBHOOK_URL", url, "http", "https"), level("WEBHOOK")))
    if url := environ.get(f"{PREFIX}SMTP_URL"):
        _checked(f"{PREFIX}SMTP_URL", url, "smtp", "smtp+starttls", "smtps")
        if urlsplit(url).scheme == "smtp" and urlsplit(url).username is not None:
            raise IngestError(
                f"{PREFIX}SMTP_URL would send a password in clear. Use smtps:// or smtp+starttls://."
            )
        sender = environ.get(f"{PREFIX}EMAIL_FROM", "")
        recipients = tuple(to.strip() for to in environ.get(f"{PREFIX}EMAIL_TO", "").split(",") if to.strip())
        for variable, address in (("EMAIL_FROM", sender), *(("EMAIL_TO", to) for to in recipients)):
            if _NOT_IN_MAIL_ADDRESS.search(address):
                raise IngestError(
                    f"{PREFIX}{variable} holds a line break or another control character. Give addresses in "
                    "one line, separated by commas."
                )
        if not sender or not recipients:
            raise IngestError(f"For e-mail set {PREFIX}EMAIL_FROM and {PREFIX}EMAIL_TO as well.")
        channels.append(Email(url, sender, recipients, level("EMAIL")))
    if not channels:
        raise IngestError(
            f"No channel is set. Set {PREFIX}SLACK_URL, {PREFIX}WEBHOOK_URL, or {PREFIX}SMTP_URL with "
            f"{PREFIX}EMAIL_FROM and {PREFIX}EMAIL_TO; docs/operations.md has examples."
        )
    return channels


def send_in_turn(
    channel: Channel, problems: Sequence[Problem], sleep: Callable[[float], None]
) -> DeliveryError | None:
    """Send, again after a growing pause where that may help; return the last error, None where it arrived.

    A server that sends its answer drop by drop has TRY_S seconds; after TOTAL_S seconds no other try begins.
    """
    began = time.monotonic()

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_s if isinstance(error, TemporaryError) else 0.0
        return min(max(wait_exponential(multiplier=1)(state), asked), LONGEST_WAIT_S)

    retrying = Retrying(
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or time.monotonic() - began >= TOTAL_S,
        wait=pause,
        retry=retry_if_exception_type(TemporaryError),
        sleep=sleep,
        reraise=True,
    )
    try:
        retrying(_within, TRY_S, channel.send, problems)
    except DeliveryError as error:
        return error
    return None


def _within(seconds: float, send: Callable[[Sequence[Problem]], None], problems: Sequence[Problem]) -> None:
    """Send within so many seconds. Raises DeliveryError; a try that takes longer is left to itself."""
    outcome: queue.Queue[Exception | None] = queue.Queue()

    def attempt() -> None:
        try:
            send(problems)
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=attempt, name="alert", daemon=True).start()
    try:
        error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TemporaryError(f"no whole answer within {seconds:.0f} seconds") from None
    if error is not None:
        raise error


def _checked(variable: str, url: str, *schemes: str) -> str:
    if _NOT_IN_ADDRESS.search(url):
        raise IngestError(
            f"{variable} holds a line break, a blank or a control character. Set it to the address alone."
        )
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_usable = False
    if not is_usable:
        raise IngestError(f"{variable} is no address of the kind {' or '.join(f'{s}://' for s in schemes)}.")
    return url


def _slack(text: str) -> str:
    """Return text with what Slack takes for markup written as entities."""
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(url: str, content: object) -> None:
    try:
        with requests.post(
            url, json=content, timeout=TIMEOUT_S, allow_redirects=False, stream=True
        ) as answer:
            _judge(answer)
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError):
        raise TemporaryError(f"no answer within {TIMEOUT_S:.0f} seconds") from None
    except (requests.ConnectionError, urllib3.exceptions.ProtocolError):
        raise TemporaryError("the server cannot be reached") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:  # its text holds the address
        raise DeliveryError(f"the request failed ({type(error).__name__})") from None


def _judge(answer: requests.Response) -> None:
    """Raise DeliveryError where an answer does not say that the message was taken."""
    if answer.status_code == 429 or answer.status_code >= 500:
        asked = answer.headers.get("Retry-After", "")
        after_s = float(asked) if asked.isdigit() else 0.0
        raise TemporaryError(f"the server answered {answer.status_code}", after_s)
    if not answer.ok or answer.is_redirect:
        raise DeliveryError(f"the server answered {answer.status_code}")
    n_bytes = 0
    while piece := answer.raw.read(8192, decode_content=False):  # as it comes, not unpacked
        n_bytes += len(piece)
        if n_bytes > ANSWER_BYTES:
            raise DeliveryError(f"the answer of the server has more than {ANSWER_BYTES // 1024} KiB")


class _Bounded:
    """The answers of a mail server, up to ANSWER_BYTES of a connection."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._n_bytes = 0

    def readline(self, size: int = -1) -> bytes:
        """Return the next line."""
        line = self._file.readline(size)
        self._n_bytes += len(line)
        if self._n_bytes > ANSWER_BYTES:
            raise DeliveryError(f"the answers of the mail server have more than {ANSWER_BYTES // 1024} KiB")
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Smtp(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        """Return the code and the text of the next answer."""
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _SmtpOverTls(_Smtp, smtplib.SMTP_SSL):
    pass


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return _SmtpOverTls(host, port or 465, timeout=TIMEOUT_S, context=context)
    connection = _Smtp(host, port or (587 if scheme == "smtp+starttls" else 25), timeout=TIMEOUT_S)
    if scheme == "smtp+starttls":
        connection.starttls(context=context)
    return connection
