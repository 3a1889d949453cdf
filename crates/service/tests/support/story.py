"""A month of a small operator, told by a client that was generated from the OpenAPI document.

story.py URL CLIENT_ID CLIENT_SECRET. The folder with the generated `tollbook_client` is in PYTHONPATH. The server's clock stands
in November 2026. Ends with 0 if every answer was as expected.
"""

import datetime
import io
import json
import sys

from tollbook_client import AuthenticatedClient, Client
from tollbook_client.api.access import access_token
from tollbook_client.api.calls import calls_history, calls_post_many, calls_post_one, calls_read, calls_upload
from tollbook_client.api.charging import charging_authorise, charging_release
from tollbook_client.api.customers import customers_create, customers_read
from tollbook_client.api.invoices import invoices_issue, invoices_pdf, invoices_read, invoices_set_tax_rate
from tollbook_client.api.payments import payments_balance, payments_record
from tollbook_client.api.plans import plans_create
from tollbook_client.api.prepaid import prepaid_balances, prepaid_top_up
from tollbook_client.api.problems import problems_list
from tollbook_client.api.tariffs import tariffs_import
from tollbook_client.models import (
    Allowance, AuthoriseCall, CallGrant, CallRecord, ChargedAnswer, DuplicateAnswer, Issue, Money, NewCustomer, NewLine, NewPayment, NewPlan,
    NewSubscription, NewTaxRate, NewTopUp, Party, PlanPayment, Problem, ReleaseCall, Rounding, RoundingMode, SessionState, Status, TariffImport,
    Terms, TokenRequest,
)
from tollbook_client.types import File

DECK = """prefix,destination,rate_per_min,connection_charge,increments
49,Germany,0.03,0,1/1
44,United Kingdom,0.02,0,60/60
"""
LONDON, BERLIN = "+442079460123", "+493012345678"
IN_FORCE = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def is_now(found, expected, what):
    assert found == expected, f"{what}: {found!r}, not {expected!r}"


def eur(amount):
    return Money(amount=amount, currency="EUR")


def token(url, client_id, secret):
    form = TokenRequest(grant_type="client_credentials", client_id=client_id, client_secret=secret)
    answer = access_token.sync(client=Client(url), body=form)
    return AuthenticatedClient(url, answer.access_token, raise_on_unexpected_status=True)


def sell(client):
    """A tax rate, a tariff and two plans."""
    german = NewTaxRate(country="DE", rate="19", valid_from=datetime.date(2021, 1, 1))
    is_now(invoices_set_tax_rate.sync(client=client, body=german).rate, "19", "the tax rate")
    terms = Terms(currency="EUR", rounding=Rounding(digits=4, mode=RoundingMode.HALF_UP))
    deck = TariffImport(name="standard", deck=DECK, terms=terms, valid_from=IN_FORCE)
    is_now(tariffs_import.sync(client=client, body=deck).name, "standard", "the tariff")
    minutes = Allowance(name="100 minutes to Germany", seconds=6000, destinations=["49"])
    hundred = NewPlan(name="Hundred", currency="EUR", payment=PlanPayment.POSTPAID, monthly_fee="9.90", tariff="standard",
                      allowances=[minutes])
    prepaid = NewPlan(name="Prepaid", currency="EUR", payment=PlanPayment.PREPAID, tariff="standard")
    for plan in [hundred, prepaid]:
        is_now(plans_create.sync(client=client, body=plan, idempotency_key=plan.name).name, plan.name, "the plan")


def customer(client, reference, name, plan, number):
    new = NewCustomer(
        reference=reference, currency="EUR", party=Party(name=name, country="DE"), bill_from=IN_FORCE,
        lines=[NewLine(number=number, valid_from=IN_FORCE)],
        subscription=NewSubscription(plan=plan, valid_from=IN_FORCE),
    )
    made = customers_create.sync(client=client, body=new)
    again = customers_create.sync(client=client, body=new)
    assert isinstance(again, Problem) and again.type_ == "/problems/conflict", again
    told = made.to_dict()
    is_now(told.pop("back_invoices"), 10, "how many months are over")
    is_now(customers_read.sync(made.id, client=client).to_dict(), told, "the customer")
    return made


def record(record_id, called, day, seconds):
    answer = datetime.datetime(2026, 10, day, 10, tzinfo=datetime.timezone.utc)
    end = answer + datetime.timedelta(seconds=seconds)
    return CallRecord(
        record_id=record_id, direction="outbound", calling_number="+493023125001", called_number=called,
        start_time=answer.isoformat(), answer_time=answer.isoformat(), end_time=end.isoformat(), billsec=str(seconds),
        disposition="ANSWERED",
    )


def call(client, payer):
    """One call by itself, two in a batch, one in a file; what they cost, and why."""
    one = record("a-1", LONDON, 5, 61)
    charged = calls_post_one.sync(client=client, source="switch-a", body=one)
    assert isinstance(charged, ChargedAnswer), charged
    is_now((charged.customer_id, charged.amount), (payer.id, eur("0.04")), "the call")
    assert isinstance(calls_post_one.sync(client=client, source="switch-a", body=one), DuplicateAnswer)
    lines = "\n".join(json.dumps(line.to_dict()) for line in [record("a-2", BERLIN, 6, 6030), record("a-3", LONDON, 7, 20)])
    batch = calls_post_many.sync(client=client, source="switch-a", body=File(payload=io.BytesIO(lines.encode())))
    is_now((batch.control.charged, batch.control.records), (2, 2), "the batch")
    header = ",".join(one.to_dict())
    row = ",".join(record("a-4", BERLIN, 8, 60).to_dict().values())
    file = File(payload=io.BytesIO("\n".join([header, row, row, ""]).encode()))
    upload = calls_upload.sync(client=client, source="switch-a", body=file, file_name="october.csv")
    is_now((upload.import_.control.charged, upload.import_.control.duplicate), (1, 1), "the file")
    newest, *older = calls_history.sync(payer.id, client=client).items
    is_now([newest.record_id, *(item.record_id for item in older)], ["a-4", "a-3", "a-2", "a-1"], "the history")
    why = calls_read.sync(payer.id, "switch-a", "a-2", client=client).why
    is_now((why.amount, why.billed_seconds, why.tariff), (eur("0.015"), 6030, "standard"), "the explanation")
    assert "100 minutes to Germany" in why.sentence, why.sentence


def pay(client, payer):
    """The month's invoice, and what is owed before and after it is paid."""
    issued = invoices_issue.sync(payer.id, client=client, body=Issue(month="2026-10"), idempotency_key="october")
    is_now(issued.number, "INV-2026-000001", "the number")
    read = invoices_read.sync(payer.id, issued.id, client=client)
    is_now((read.status, read.open_, read.invoice.gross), (Status.OPEN, read.gross, read.gross.amount), "the invoice")
    is_now([line.description for line in read.invoice.lines], ["Hundred, monthly fee", "Germany", "United Kingdom"], "the lines")
    assert invoices_pdf.sync(payer.id, issued.id, client=client).payload.read(5) == b"%PDF-"
    is_now(payments_balance.sync(payer.id, client=client).balance, read.gross, "what is owed")
    payment = NewPayment(reference="bank-1", amount=read.gross.amount, currency="EUR", paid_on=datetime.date(2026, 11, 5))
    paid = payments_record.sync(payer.id, client=client, body=payment)
    is_now([part.invoice_id for part in paid.allocations], [issued.id], "what was paid")
    is_now(payments_balance.sync(payer.id, client=client).balance, eur("0.00"), "what is owed then")
    is_now(invoices_read.sync(payer.id, issued.id, client=client).status, Status.PAID, "the status")


def charge(client, payer):
    """Prepaid: a top-up, a call that is asked for, and what is left after it."""
    def ask(call_id):
        asked = AuthoriseCall(call_id=call_id, calling_number="+493023125002", called_number=LONDON, requested_seconds=600)
        return charging_authorise.sync(client=client, body=asked)

    refused = ask("call-1")
    assert isinstance(refused, Problem) and refused.status == 402, refused
    meanings = {kind.type_: kind.meaning for kind in problems_list.sync(client=client)}
    assert "Top up" in meanings[refused.type_], meanings
    top_up = NewTopUp(reference="kiosk-1", amount="10.00", currency="EUR")
    booked = prepaid_top_up.sync(payer.id, client=client, body=top_up)
    is_now([movement.amount for movement in booked.movements], [eur("10.00")], "the top-up")
    assert isinstance(ask("call-1"), Problem), "what was refused stays so"
    grant = ask("call-2")
    assert isinstance(grant, CallGrant), grant
    is_now((grant.granted_seconds, grant.reserved, grant.emergency), (600, eur("0.20"), False), "the grant")
    used = ReleaseCall(sequence=1, used_seconds=0)
    settled = charging_release.sync(grant.session_id, client=client, body=used)
    is_now((settled.state, settled.used_seconds), (SessionState.RELEASED, 0), "the end")
    (balance,) = prepaid_balances.sync(payer.id, client=client)
    is_now((balance.amount, balance.reserved), (eur("10.00"), eur("0.00")), "what is left")


def main():
    url, client_id, secret = sys.argv[1:]
    client = token(url, client_id, secret)
    sell(client)
    anna = customer(client, "C-1", "Anna Brandt", "Hundred", "+493023125001")
    ben = customer(client, "C-2", "Ben Okafor", "Prepaid", "+493023125002")
    call(client, anna)
    pay(client, anna)
    charge(client, ben)


main()
