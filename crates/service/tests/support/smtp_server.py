"""A mail server for tests: takes mails into a folder, or misbehaves as it is told.

Prints its port when it listens. Ends when its standard input does, and so with the test that started it.
Each mail that is begun takes the next of --behaviours, and every further one the last of them:

  accept  takes it
  gone    refuses the recipient for good (550)
  later   refuses the recipient for now (451)
  spam    refuses the content for good (554)
  sender  refuses the sender for good (550)
  drop    ends the connection after the content, and takes nothing
  lost    takes it, but ends the connection before saying so
  hang    takes it, and never says so
  slow    never answers to the recipient

A recipient that begins with "nobody" is refused whatever the behaviour.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, folder, behaviours):
        self.folder = folder
        self.behaviours = behaviours
        self.begun = 0
        self.taken = 0

    async def handle_MAIL(self, server, session, envelope, address, options):
        at = min(self.begun, len(self.behaviours) - 1)
        self.begun += 1
        envelope.behaviour = self.behaviours[at]
        if envelope.behaviour == "sender":
            return "550 5.7.1 Sender is not allowed here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if envelope.behaviour == "gone" or address.startswith("nobody"):
            return "550 5.1.1 No such user here"
        if envelope.behaviour == "later":
            return "451 4.7.1 Greylisted, come back later"
        if envelope.behaviour == "slow":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.behaviour == "spam":
            return "554 5.6.0 Content is not welcome"
        if envelope.behaviour != "drop":
            self.take(server, session, envelope)
        if envelope.behaviour in ("drop", "lost"):
            server.transport.abort()
        if envelope.behaviour == "hang":
            await asyncio.sleep(3600)
        return "250 OK taken"

    def take(self, server, session, envelope):
        self.taken += 1
        about = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
            "user": session.auth_data.login.decode() if session.authenticated else None,
        }
        (self.folder / f"{self.taken}.eml").write_bytes(envelope.original_content)
        # Whoever sees it reads it whole.
        aside = self.folder / "aside"
        aside.write_text(json.dumps(about))
        aside.rename(self.folder / f"{self.taken}.json")


def authenticator(login):
    user, password = (part.encode() for part in login.split(":", 1))

    def check(server, session, envelope, mechanism, data):
        right = data.login == user and data.password == password
        return AuthResult(success=right, handled=False, auth_data=data)

    return check


async def serve(arguments):
    context = None
    if arguments.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.certificate, arguments.key)
    handler = Handler(arguments.folder, arguments.behaviours.split(","))
    options = {"hostname": "localhost", "enable_SMTPUTF8": arguments.utf8}
    if arguments.login:
        options |= {
            "authenticator": authenticator(arguments.login),
            "auth_required": True,
            "auth_require_tls": False,
        }
    if arguments.tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    wrapper = context if arguments.tls == "tls" else None
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, **options), "127.0.0.1", 0, ssl=wrapper
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--behaviours", default="accept")
    parser.add_argument("--tls", choices=["none", "starttls", "tls"], default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login", help="USER:PASSWORD that must be given")
    parser.add_argument("--utf8", action="store_true", help="take addresses beyond ASCII")
    asyncio.run(serve(parser.parse_args()))


main()
