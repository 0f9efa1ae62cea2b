"""What every notifier does: a notice arrives whole, a server that is away is told from one that refuses.

Mail is sent to a real SMTP server on loopback (with TLS and a password), requests to a real HTTP server.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from shelfcast.adapters.aws.notifier import SnsNotifier, message_of, subject_of
from shelfcast.adapters.http import StandardHttp
from shelfcast.adapters.local.clock import SystemClock
from shelfcast.adapters.mail import Mail
from shelfcast.adapters.memory import MemoryNotifier
from shelfcast.adapters.notice_webhook import NoticeWebhook
from shelfcast.adapters.webhook import verify
from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.ports.notifier import Notice, Notifier
from tests.functional.loopback import Reply, loopback

NOTICE = Notice(
    "20261124T063000-abc", "3 alerts: sales späť", "Umsätze fehlen seit 2 Tagen.\n\nNext: ask for the file. 日本", "critical",
    "https://shop.example/today", {"alerts": [{"cause": "data.freshness"}]},
)  # fmt: skip
SECRET = "a shared secret of some length"


@dataclass
class Case:
    """A notifier, what arrived of it (as text, each message whole), and how to make its other side be away or refuse."""

    notifier: Notifier
    arrived: Callable[[], list[str]]
    away: Callable[[], Any]
    refuses: Callable[[], Any]


@pytest.fixture(params=["memory", "webhook", "mail", "sns"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield from {"memory": _memory, "webhook": _webhook, "mail": _mail, "sns": _sns}[request.param](request)


def _memory(_: pytest.FixtureRequest) -> Iterator[Case]:
    one = MemoryNotifier()

    def fail(error: Exception) -> Callable[[], None]:
        return lambda: setattr(one, "fails", error)

    yield Case(
        one, lambda: [f"{it.title}\n{it.text}\n{it.link}" for it in one.sent], fail(SourceDown("away")),
        fail(BadParameter("no")),
    )  # fmt: skip


def _webhook(_: pytest.FixtureRequest) -> Iterator[Case]:
    with loopback() as server:
        server.usual = lambda *_: Reply(200, b"ok")

        def answer(status: int) -> Callable[[], None]:
            return lambda: setattr(server, "usual", lambda *_: Reply(status, b"so it is"))

        one = NoticeWebhook(StandardHttp(), f"{server.url}/hook/secret-part", SystemClock().now, SECRET)
        yield Case(
            one, lambda: [json.loads(body)["text"] for *_, body in server.asked], answer(503), answer(404)
        )  # fmt: skip


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of a server on loopback."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    return folder / "cert.pem", folder / "key.pem"


class Inbox:
    """Takes mail; answers otherwise where it is told to."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.to: list[list[str]] = []
        self.answer = "250 OK"
        self.unknown: set[str] = set()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the library's name
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.answer.startswith("250"):
            self.messages.append(envelope.content)
            self.to.append(list(envelope.rcpt_tos))
        return self.answer

    def texts(self) -> list[str]:
        found = [message_from_bytes(one, policy=policy.default) for one in self.messages]
        return [f"{one['Subject']}\n{one.get_body().get_content()}" for one in found]


@pytest.fixture
def post(certificate: tuple[Path, Path]) -> Iterator[Callable[..., tuple[Mail, Inbox, Any]]]:
    """Starts SMTP servers that want STARTTLS and a password."""
    pytest.importorskip("aiosmtpd")
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult

    started = []

    def check(server, session, envelope, mechanism, data):
        good = data.login == b"shop" and data.password == b"right"
        return AuthResult(success=good, handled=good)

    def start(**more: Any) -> tuple[Mail, Inbox, Any]:
        inbox = Inbox()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

        class Server(Controller):
            def _trigger_server(self) -> None:
                self.port = self.server.sockets[0].getsockname()[1]  # the free one it was given
                super()._trigger_server()

            def factory(self) -> SMTP:
                return SMTP(
                    inbox, tls_context=context, require_starttls=True, authenticator=check, auth_required=True,
                    enable_SMTPUTF8=True,
                )  # fmt: skip

        controller = Server(inbox, hostname="127.0.0.1", port=0)
        controller.start()
        started.append(controller)
        trust = ssl.create_default_context(cafile=str(certificate[0]))
        mail = Mail(
            "127.0.0.1", controller.port, "Shelfcast <shelfcast@shop.example>", ("ann@shop.example", "bob@shop.example"), "starttls",
            "shop", "right", timeout_seconds=5, trust=trust,
        )  # fmt: skip
        return replace(mail, **more), inbox, controller

    yield start
    for one in started:
        if not one.loop.is_closed():
            one.stop(no_assert=True)


def _mail(request: pytest.FixtureRequest) -> Iterator[Case]:
    mail, inbox, _ = request.getfixturevalue("post")()

    def answer(text: str) -> Callable[[], None]:
        return lambda: setattr(inbox, "answer", text)

    yield Case(mail, inbox.texts, answer("451 try later"), answer("554 we take nothing from you"))


def _sns(request: pytest.FixtureRequest) -> Iterator[Case]:
    server = request.getfixturevalue("emulator")()
    topic = server.client("sns").create_topic(Name="notes")["TopicArn"]
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName="notes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def arrived() -> list[str]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"])["Message"] for one in found]

    def refuse() -> None:
        server.client("sns").delete_topic(TopicArn=topic)

    patch = pytest.MonkeyPatch()
    yield Case(SnsNotifier(topic), arrived, lambda: patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), refuse)
    patch.undo()


def test_a_notice_arrives_whole(case: Case) -> None:
    assert case.notifier.send(NOTICE) == ""
    (text,) = case.arrived()
    for part in (NOTICE.title, NOTICE.link, "Umsätze fehlen seit 2 Tagen.", "日本"):
        assert part in text


def test_a_side_that_is_away_is_told_as_such_and_gets_it_later(case: Case) -> None:
    case.away()
    with pytest.raises(SourceDown):
        case.notifier.send(NOTICE)


def test_a_refusal_says_that_trying_again_is_no_use(case: Case) -> None:
    case.refuses()
    with pytest.raises(BadParameter):
        case.notifier.send(NOTICE)


def test_a_title_of_several_lines_adds_nothing_but_words(case: Case) -> None:
    case.notifier.send(replace(NOTICE, title="one\r\nBcc: eve@evil.example\r\n\r\ntwo"))
    assert len(case.arrived()) == 1


def test_mail_goes_to_every_address_and_names_the_same_message_alike(post) -> None:
    mail, inbox, _ = post()
    mail.send(replace(NOTICE, title="one\r\nBcc: eve@evil.example"))
    mail.send(NOTICE)
    first, second = (message_from_bytes(one, policy=policy.default) for one in inbox.messages)
    assert inbox.to == [["ann@shop.example", "bob@shop.example"]] * 2
    assert first["Message-ID"] == second["Message-ID"] and first["Bcc"] is None
    assert first["Importance"] == "high" and first["Auto-Submitted"] == "auto-generated"


def test_an_address_the_server_does_not_know_is_told_and_the_others_get_it(post) -> None:
    mail, inbox, _ = post()
    inbox.unknown = {"bob@shop.example"}
    assert "bob@shop.example refused: 550" in mail.send(NOTICE)
    assert inbox.to == [["ann@shop.example"]]


def test_a_wrong_password_is_a_refusal_that_names_the_variable(post) -> None:
    mail, _, _ = post(password="wrong")
    with pytest.raises(BadParameter, match="SHELFCAST_SMTP_PASSWORD"):
        mail.send(NOTICE)


def test_a_certificate_nobody_vouches_for_is_refused(post) -> None:
    mail, inbox, _ = post(trust=None)
    with pytest.raises(BadParameter, match="certificate"):
        mail.send(NOTICE)
    assert not inbox.messages


def test_a_server_that_is_gone_is_away(post) -> None:
    mail, _, controller = post()
    controller.stop()
    with pytest.raises(SourceDown, match="tried again"):
        mail.send(NOTICE)


def test_the_password_never_goes_in_clear_and_addresses_are_checked() -> None:
    with pytest.raises(BadParameter, match="in clear"):
        Mail("mail.example", 25, "a@b.example", ("c@d.example",), "none", "shop", "secret")
    with pytest.raises(BadParameter, match="can't be used"):
        Mail("mail.example", 25, "a@b.example", ("not an address",))
    assert "secret" not in repr(Mail("mail.example", 25, "a@b.example", (), "tls", "shop", "secret"))


def test_a_webhook_is_signed_and_its_address_stays_out_of_messages() -> None:
    with loopback() as server:
        server.replies = [Reply(200), Reply(403, b"no")]
        one = NoticeWebhook(StandardHttp(), f"{server.url}/T000/secret-part", SystemClock().now, SECRET)
        one.send(NOTICE)
        _, _, headers, body = server.asked[0]
        now = int(SystemClock().now().timestamp())
        assert verify(SECRET, headers["shelfcast-signature"], body, now)
        assert headers["idempotency-key"] == NOTICE.notice_id
        assert json.loads(body)["facts"] == NOTICE.facts
        with pytest.raises(BadParameter) as refused:
            one.send(NOTICE)
    assert "secret-part" not in str(refused.value) and "secret-part" not in repr(one)


def test_what_sns_cannot_take_is_said_shorter() -> None:
    long = replace(NOTICE, title="a" * 300, text="Ü" * 300_000)
    assert len(subject_of(long.title)) == 100
    assert len(message_of(long).encode()) < 256_000 and message_of(long).endswith("(cut)")
    assert json.dumps(NOTICE.facts) in message_of(NOTICE)
