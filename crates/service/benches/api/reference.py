"""What does a straightforward service do with a call? It finds who called and what that costs, stores it and commits.

`python reference.py DECK LINES` makes the tables and fills them; `uvicorn reference:app` serves. Nobody is asked for a
token, no month is closed, nothing waits in suspense, nobody is told: tollbook does all that as well.
"""

import csv
import os
import sys
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, Index, Numeric, UniqueConstraint, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

URL = os.environ["REFERENCE_DATABASE_URL"]
SQLITE = URL.startswith("sqlite")
# As many connections as FastAPI has threads; whoever comes to a busy SQLite waits.
engine = create_engine(URL, pool_size=40, connect_args={"timeout": 60} if SQLITE else {})

if SQLITE:

    @event.listens_for(engine, "connect")
    def keep_what_is_committed(connection, _):
        connection.executescript("pragma journal_mode = wal; pragma synchronous = full")


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    currency: Mapped[str]


class Line(Base):
    __tablename__ = "lines"
    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))


class Rate(Base):
    __tablename__ = "rates"
    prefix: Mapped[str] = mapped_column(primary_key=True)
    destination: Mapped[str]
    price_per_minute: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    connection_fee: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    increment_seconds: Mapped[int]


class Call(Base):
    __tablename__ = "calls"
    __table_args__ = (UniqueConstraint("source", "record_id"), Index("calls_history", "customer_id", "started_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    source: Mapped[str]
    record_id: Mapped[str]
    call_id: Mapped[str]
    direction: Mapped[str]
    calling_number: Mapped[str]
    called_number: Mapped[str]
    disposition: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    talk_seconds: Mapped[int]
    prefix: Mapped[str]
    destination: Mapped[str]
    billed_seconds: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(Numeric(14, 6))
    currency: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=lambda: datetime.now(UTC))


class NewCall(BaseModel):
    record_id: str
    call_id: str
    direction: Literal["outbound", "inbound", "internal"]
    calling_number: str
    called_number: str
    start_time: datetime
    answer_time: datetime | None = None
    end_time: datetime
    billsec: int
    disposition: str


class Money(BaseModel):
    amount: str
    currency: str


class Charged(BaseModel):
    outcome: str
    record_id: str
    customer_id: int
    amount: Money


def session():
    with Session(engine) as session:
        yield session


app = FastAPI()


@app.post("/v1/calls", status_code=201)
def charge(source: str, call: NewCall, session: Annotated[Session, Depends(session)]) -> Charged:
    customer = session.scalar(
        select(Customer).join(Line, Line.customer_id == Customer.id).where(Line.number == call.calling_number)
    )
    if customer is None:
        raise HTTPException(422, "nobody holds this number")
    digits = call.called_number.removeprefix("+")
    prefixes = [digits[:length] for length in range(1, len(digits) + 1)]
    rate = session.scalar(select(Rate).where(Rate.prefix.in_(prefixes)).order_by(Rate.prefix.desc()).limit(1))
    if rate is None:
        raise HTTPException(422, "no rate for this number")
    increments = -(-call.billsec // rate.increment_seconds)
    billed = increments * rate.increment_seconds
    amount = Decimal(0)
    if billed:
        amount = rate.connection_fee + rate.price_per_minute * billed / 60
    amount = amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    stored = Call(
        customer_id=customer.id,
        source=source,
        record_id=call.record_id,
        call_id=call.call_id,
        direction=call.direction,
        calling_number=call.calling_number,
        called_number=call.called_number,
        disposition=call.disposition,
        started_at=call.start_time,
        answered_at=call.answer_time,
        ended_at=call.end_time,
        talk_seconds=call.billsec,
        prefix=rate.prefix,
        destination=rate.destination,
        billed_seconds=billed,
        amount=amount,
        currency=customer.currency,
    )
    answer = Charged(
        outcome="charged",
        record_id=call.record_id,
        customer_id=customer.id,
        amount=Money(amount=str(amount), currency=customer.currency),
    )
    session.add(stored)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, "this record was charged before") from None
    return answer


def fill(deck: str, lines: str) -> None:
    """Makes the tables, with the rates of a deck and a customer for each line of a file."""
    Base.metadata.create_all(engine)
    with open(deck, newline="") as file:
        rates = [
            {
                "prefix": row["prefix"],
                "destination": row["destination"],
                "price_per_minute": Decimal(row["rate_per_min"]),
                "connection_fee": Decimal(row["connection_charge"]),
                "increment_seconds": int(row["increments"].split("/")[1]),
            }
            for row in csv.DictReader(file)
        ]
    with open(lines) as file:
        numbers = list(enumerate(file.read().split(), 1))
    customers = [{"id": id, "reference": f"C-{id}", "name": f"Customer {id}", "currency": "EUR"} for id, _ in numbers]
    with Session(engine) as session:
        session.execute(insert(Rate), rates)
        session.execute(insert(Customer), customers)
        session.execute(insert(Line), [{"customer_id": id, "number": number} for id, number in numbers])
        session.commit()


if __name__ == "__main__":
    fill(*sys.argv[1:])
