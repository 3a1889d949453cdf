#!/usr/bin/env python3
"""A second opinion: reads everything in this folder and computes what must result, into expected/.

It shares no code with tollbook. Money is `Fraction`, time is integer microseconds; there is no float.
`reference.py --check` computes again and compares with expected/ instead of writing.
Needs only the standard library (Python 3.11 or later) and a time zone database.
"""
import csv
import io
import json
import re
import sys
import tomllib
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
MONTH = (2026, 10)
FILES = ["switch-a.csv", "switch-b.ndjson", "pbx.csv"]          # in this order, for the allowances
PBX_TRUNK, PBX_ZONE = "PJSIP/trunk", ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND = 1_000_000
MINOR_DIGITS = {"EUR": 2, "USD": 2, "INR": 2, "AUD": 2}

# region: country code, prefix of international calls, of national ones, length of a national number, emergencies
REGIONS = {
    "DE": ("49", "00", "0", None, {"110", "112"}),
    "GR": ("30", "00", "", 10, {"100", "112", "166", "199"}),
    "GB": ("44", "00", "0", None, {"112", "999"}),
    "US": ("1", "011", "1", 10, {"911"}),
    "IN": ("91", "00", "0", 10, {"100", "101", "102", "108", "112"}),
    "KI": ("686", "00", "", 8, {"192", "999"}),
}
# The zone of a number, for customers without one that is set.
ZONES = {"49": "Europe/Berlin", "30": "Europe/Athens", "44": "Europe/London", "91": "Asia/Kolkata",
         "1212": "America/New_York"}


class Suspended(Exception):
    def __init__(self, reason, field):
        super().__init__(reason, field)
        self.reason, self.field = reason, field


# ---- numbers and instants ------------------------------------------------------------------------

def decimal(text):
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        raise ValueError(text)
    return Fraction(text)


def ceiling(value):
    return -(-value.numerator // value.denominator)


def rounded(value, digits, mode):
    """A multiple of 10^-digits."""
    scaled = value * 10**digits
    floor = scaled.numerator // scaled.denominator
    rest = scaled - floor
    half = Fraction(1, 2)
    assert value >= 0
    step_up = {"down": False, "up": rest > 0, "half-up": rest >= half,
               "half-even": rest > half or (rest == half and floor % 2 == 1)}[mode]
    return Fraction(floor + step_up, 10**digits)


def printed(value, digits):
    scaled = value * 10**digits
    assert scaled.denominator == 1, "an amount finer than its digits"
    whole, rest = divmod(abs(scaled.numerator), 10**digits)
    return ("-" if scaled < 0 else "") + f"{whole}.{rest:0{digits}d}"


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


def in_zone(instant, zone):
    return (EPOCH + timedelta(microseconds=instant)).astimezone(zone)


RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)")


def instant_of(text):
    match = RFC3339.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction = int((match[7] or "0").ljust(6, "0"))
    offset = 0
    if match[8] != "Z":
        offset = int(match[8][1:3]) * 60 + int(match[8][4:6])
        offset = -offset if match[8][0] == "-" else offset
    local = datetime(year, month, day, hour, minute, second, fraction, timezone.utc)
    return micros(local) - offset * 60 * SECOND


def midnight(day, zone):
    """The first valid instant of a local day; the earlier one if midnight comes twice."""
    for minute in range(24 * 60):
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        utc = local.astimezone(timezone.utc)
        if utc.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return micros(utc)
    raise ValueError("a day without a valid minute")


def day_or_instant(text, zone):
    return instant_of(text) if "T" in text else midnight(date.fromisoformat(text), zone)


def utc_text(instant):
    assert instant % SECOND == 0
    return in_zone(instant, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- telephone numbers -----------------------------------------------------------------------------

def number_of(text, region):
    """("e164", digits), ("short", digits), ("emergency", digits), or None when it is no number."""
    code, international, national, length, emergencies = REGIONS[region]
    text = text.strip()
    if text.lower().startswith(("sip:", "sips:")):
        text = text.split(":", 1)[1].split("@")[0].split(";")[0]
    elif text.lower().startswith("tel:"):
        text = text[4:].split(";")[0]
    text = re.sub(r"[ ()\-./]", "", text)
    if text.startswith("+"):
        found = text[1:]
    elif not re.fullmatch("[0-9]+", text):
        return None
    elif text in emergencies:
        return "emergency", text
    elif text.startswith(international):
        found = text[len(international):]
    elif 3 <= len(text) <= 6 and not text.startswith("0"):
        return "short", text
    elif national and text.startswith(national) and length in (None, len(text) - len(national)):
        found = code + text[len(national):]
    elif length == len(text):
        found = code + text
    else:
        return None
    if not re.fullmatch("[1-9][0-9]*", found):
        return None
    for other_code, *_, other_emergencies in REGIONS.values():
        if found.startswith(other_code) and found[len(other_code):] in other_emergencies:
            return "emergency", found
    return ("e164", found) if 7 <= len(found) <= 15 else None


def region_of(e164):
    return next(region for region, (code, *_) in REGIONS.items() if e164.startswith(code))


# ---- what the operator has set -----------------------------------------------------------------------

def load(path):
    return tomllib.loads((HERE / path).read_text(encoding="utf-8"))


class Tariff:
    def __init__(self, name):
        data = load(f"tariffs/{name}.toml")
        self.currency, self.zone = data["currency"], ZoneInfo(data["zone"])
        self.rounding = (data["rounding"]["digits"], data["rounding"]["mode"])
        self.holidays = {date.fromisoformat(day) for day in data["holidays"]}
        self.bands = []
        for band in data.get("band", []):
            span = [int(text[:2]) * 60 + int(text[3:]) for text in (band["from"], band["to"])]
            self.bands.append((band["name"], set(band["days"]), span[0], span[1]))
        rates = {}
        with open(HERE / f"tariffs/{name}.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                starts = midnight(date.fromisoformat(row["effective_from"]), self.zone)
                ends = midnight(date.fromisoformat(row["effective_to"]), self.zone) if row["effective_to"] else None
                rate = rates.setdefault((row["prefix"], row["time_band"], starts), {
                    "prefix": row["prefix"], "band": row["time_band"], "from": starts, "to": ends,
                    "destination": row["destination"], "blocked": row["status"] == "blocked", "steps": [],
                    "connection": decimal(row["connection_charge"] or "0"), "minimum": decimal(row["min_charge"] or "0"),
                    "initial": int(row["initial_increment"]), "increment": int(row["increment"])})
                rate["steps"].append((int(row["step_from"] or "0"), decimal(row["rate_per_min"])))
        self.rates = {}
        for rate in rates.values():
            rate["steps"].sort()
            assert rate["steps"][0][0] == 0
            self.rates.setdefault(rate["prefix"], []).append(rate)

    def band_at(self, answer, zone):
        local = in_zone(answer, zone)
        day = "holiday" if local.date() in self.holidays else "mon tue wed thu fri sat sun".split()[local.weekday()]
        minute = local.hour * 60 + local.minute
        names = [name for name, days, low, high in self.bands if day in days and low <= minute < high]
        assert len(names) <= 1, "bands overlap"
        return names[0] if names else None

    def rate(self, kind, number, region, answer, zone):
        """The rate of the longest prefix that has one at that time; None without."""
        if kind == "short":
            prefixes = [f"{region}:{number[:n]}" for n in range(len(number), 0, -1)]
        else:
            prefixes = [number[:n] for n in range(len(number), 0, -1)] + ["*"]
        band = self.band_at(answer, zone)
        for prefix in prefixes:
            valid = [rate for rate in self.rates.get(prefix, [])
                     if rate["from"] <= answer and (rate["to"] is None or answer < rate["to"])
                     and rate["band"] in ("", band)]
            if valid:
                return max(valid, key=lambda rate: (rate["band"] != "", rate["from"]))
        return None


class Operator:
    def __init__(self):
        self.country = load("tollbook.toml")["operator"]["country"]
        self.taxes = load("tax_rates.toml")["tax_rate"]
        self.plans = {plan["name"]: plan for plan in load("plans.toml")["plan"]}
        self.tariffs = {plan["tariff"]: Tariff(plan["tariff"]) for plan in self.plans.values()}
        self.customers, self.lines = {}, []
        for customer in load("customers.toml")["customer"]:
            numbers = [line["number"].removeprefix("+") for line in customer["line"]]
            name = customer.get("zone") or next(zone for code, zone in ZONES.items() if numbers[0].startswith(code))
            zone = ZoneInfo(name)
            customer.update(zone=zone, zone_name=name, since=day_or_instant(customer["from"], zone))
            self.customers[customer["reference"]] = customer
            plan = self.plans[customer["plan"]]
            assert customer["currency"] == plan["currency"] == self.tariffs[plan["tariff"]].currency
            for number, line in zip(numbers, customer["line"]):
                ends = day_or_instant(line["to"], zone) if "to" in line else None
                self.lines.append((number, day_or_instant(line["from"], zone), ends, customer))

    def holder(self, number, when):
        found = [customer for line, starts, ends, customer in self.lines
                 if line == number and starts <= when and (ends is None or when < ends)]
        assert len(found) <= 1, "a number with two holders"
        return found[0] if found else None

    def tax_rate(self, country, day):
        rates = [(tax["from"], tax["rate"]) for tax in self.taxes if tax["country"] == country and tax["from"] <= day.isoformat()]
        return max(rates)[1]


# ---- from a line to a record ---------------------------------------------------------------------------

DISPOSITIONS = {"ANSWERED", "NO_ANSWER", "BUSY", "FAILED", "CANCELLED", "CONGESTION"}


READ = ("record_id", "call_id", "account_ref", "direction", "charged_party", "calling_number", "called_number", "service",
        "start_time", "answer_time", "end_time", "duration", "billsec", "disposition", "record_type")


def canonical(fields):
    """A record from canonical names to texts, where an absent or empty text is the same."""
    def required(name):
        if not fields.get(name):
            raise Suspended("missing_field", name)
        return fields[name]

    def read(name, parse, text):
        try:
            return parse(text)
        except ValueError:
            raise Suspended("invalid_field", name) from None

    def one_of(name, text, allowed):
        if text not in allowed:
            raise Suspended("invalid_field", name)
        return text

    if any("\ufffd" in (fields.get(name) or "") for name in READ):
        raise Suspended("malformed_line", "line")
    record = {"record_id": required("record_id"), "call_id": required("call_id"),
              "account_ref": fields.get("account_ref") or "",
              "direction": one_of("direction", required("direction"), {"outbound", "inbound", "internal"}),
              "charged_party": one_of("charged_party", fields.get("charged_party") or "calling", {"calling", "called"}),
              "calling_number": fields.get("calling_number") or "", "called_number": required("called_number")}
    record["start"] = read("start_time", instant_of, required("start_time"))
    record["answer"] = read("answer_time", instant_of, fields["answer_time"]) if fields.get("answer_time") else None
    record["end"] = read("end_time", instant_of, required("end_time"))
    for name in ("duration", "billsec"):
        record[name] = read(name, decimal, fields[name]) if fields.get(name) else None
    record["disposition"] = one_of("disposition", required("disposition"), DISPOSITIONS)
    if (fields.get("service") or "voice") != "voice":
        raise Suspended("unsupported_record", "service")
    if (fields.get("record_type") or "full") != "full":
        raise Suspended("unsupported_record", "record_type")
    return record


def from_csv(text, header):
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error:
        raise Suspended("malformed_line", "line") from None
    if len(rows) != 1 or len(rows[0]) != len(header):
        raise Suspended("malformed_line", "line")
    return canonical(dict(zip(header, rows[0])))


def from_json(text):
    try:
        value = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        raise Suspended("malformed_line", "line") from None
    if not isinstance(value, dict):
        raise Suspended("malformed_line", "line")
    return canonical(value)


def walls(text):
    """The instants that Berlin's wall clock may mean: none, one or two."""
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    found = []
    for fold in (0, 1):
        utc = local.replace(tzinfo=PBX_ZONE, fold=fold).astimezone(timezone.utc)
        if utc.astimezone(PBX_ZONE).replace(tzinfo=None) == local and micros(utc) not in found:
            found.append(micros(utc))
    return found


def from_asterisk(text):
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error:
        raise Suspended("malformed_line", "line") from None
    if len(rows) != 1 or len(rows[0]) != 18:
        raise Suspended("malformed_line", "line")
    (account, src, dst, _, _, channel, dstchannel, _, _, start, answer, end, duration, billsec, disposition, _,
     unique, _) = rows[0]
    if any("\ufffd" in field for field in (account, src, dst, channel, dstchannel, disposition, unique)):
        raise Suspended("malformed_line", "line")
    # A wall time that exists twice: what fits the durations, then what is nearest to the uniqueid's second.
    began = int(unique.split(".")[0]) * SECOND
    choices = [(s, a, e) for s in walls(start) for a in (walls(answer) if answer else [None]) for e in walls(end)]
    start, answer, end = min(choices, key=lambda c: (
        abs(c[2] - c[0] - int(duration) * SECOND), 0 if c[1] is None else abs(c[2] - c[1] - abs(int(billsec)) * SECOND),
        abs(c[0] - began), c[0]))
    if channel.startswith(PBX_TRUNK):
        direction = "inbound"
    else:
        direction = "outbound" if dstchannel.startswith(PBX_TRUNK) else "internal"
    disposition = disposition.replace(" ", "_")
    if direction == "outbound" and disposition == "ANSWERED":
        record_id = f"{unique}>{dst}"
    else:
        record_id = f"{unique}/{channel}/{dstchannel}/{rows[0][9]}"
    return {"record_id": record_id, "call_id": unique, "account_ref": account, "direction": direction,
            "charged_party": "calling", "calling_number": src, "called_number": dst, "start": start, "answer": answer,
            "end": end, "duration": decimal(duration), "billsec": decimal(billsec), "disposition": disposition}


def records(name):
    """(line number, bytes without the line's end, a function that reads the record) for each line that is one."""
    body = (HERE / "cdrs" / name).read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
    first, header = 1, None
    if name.startswith("switch-a"):
        header, first = next(csv.reader([lines[0].decode()])), 2

    def read(line):
        if b"\0" in line:
            raise Suspended("malformed_line", "line")
        # Bytes that are no UTF-8 harm nobody in a field that is not read.
        text = line.decode("utf-8", errors="replace")
        if name.endswith(".ndjson"):
            return from_json(text)
        return from_csv(text, header) if header else from_asterisk(text)

    for place, line in enumerate(lines, 1):
        if place >= first and line:
            yield place, line, read


# ---- from a record to a charge --------------------------------------------------------------------------

def check_times(record):
    start, answer, end = record["start"], record["answer"], record["end"]
    if end < start or (answer is not None and end < answer):
        raise Suspended("impossible_times", "end_time")
    if answer is not None and answer < start:
        raise Suspended("impossible_times", "answer_time")


def talk_seconds(record):
    """Whole seconds of talk, which may be 0."""
    billsec, between = record["billsec"], None
    if record["answer"] is not None:
        between = Fraction(record["end"] - record["answer"], SECOND)
    duration = record["duration"]
    if duration is None:
        duration = Fraction(record["end"] - record["start"], SECOND)
    if billsec is not None and billsec < 0:
        raise Suspended("impossible_duration", "billsec")
    if duration < 0:
        raise Suspended("impossible_duration", "duration")
    if billsec is None:
        billsec = between or Fraction(0)
    if billsec > duration + 1:
        raise Suspended("impossible_duration", "billsec")
    if between is not None and abs(billsec - between) > 1:
        billsec = min(billsec, between)
    if billsec > 24 * 3600:
        raise Suspended("impossible_duration", "billsec")
    return ceiling(billsec)


def billed_seconds(talk, initial, increment):
    return initial if talk <= initial else initial - (-(talk - initial) // increment) * increment


def price(rate, first, last):
    """The exact price of the billed seconds [first, last) of a call."""
    total = Fraction(0)
    for place, (begins, per_minute) in enumerate(rate["steps"]):
        ends = rate["steps"][place + 1][0] if place + 1 < len(rate["steps"]) else last
        seconds = min(ends, last) - max(begins, first)
        if seconds > 0:
            total += per_minute * seconds / 60
    return total


class Ledger:
    """Everything that charging leaves behind."""

    def __init__(self, operator):
        self.operator = operator
        self.allowances = {}                                      # (customer, period) -> seconds left, in plan order
        self.charges = []

    def customer_of(self, record):
        """Who pays, and in whose region the called number was dialled."""
        operator, answer = self.operator, record["answer"]
        if record["charged_party"] == "called":
            number = number_of(record["called_number"], operator.country)
            customer = operator.holder(number[1], answer) if number and number[0] == "e164" else None
            if customer is None:
                raise Suspended("unknown_number", "called_number")
            return customer, region_of(number[1])
        number = number_of(record["calling_number"], operator.country)
        digits = number[1] if number and number[0] == "e164" else None
        holder = operator.holder(digits, answer) if digits else None
        customer = operator.customers.get(record["account_ref"]) or holder
        if customer is None:
            raise Suspended("unknown_number", "account_ref" if record["account_ref"] else "calling_number")
        if holder is not customer:
            digits = customer["line"][0]["number"].removeprefix("+")
        return customer, region_of(digits)

    def judge(self, record):
        """A charge, or None for a call that is free."""
        check_times(record)
        talk = talk_seconds(record)
        answer = record["answer"]
        chargeable = record["direction"] == "outbound" or record["charged_party"] == "called"
        between = 0 if answer is None else Fraction(record["end"] - answer, SECOND)
        if chargeable and record["disposition"] != "ANSWERED" and max(record["billsec"] or 0, between) > 2:
            raise Suspended("contradiction", "disposition")
        if record["disposition"] != "ANSWERED" or answer is None or talk == 0 or not chargeable:
            return None
        customer, region = self.customer_of(record)
        number = number_of(record["called_number"], region)
        if number is None:
            raise Suspended("not_a_number", "called_number")
        kind, digits = number
        if kind == "emergency":
            return None
        if answer < customer["since"]:
            raise Suspended("no_subscription", "calling_number")
        plan = self.operator.plans[customer["plan"]]
        tariff = self.operator.tariffs[plan["tariff"]]
        rate = tariff.rate(kind, digits, region, answer, customer["zone"])
        if rate is None:
            raise Suspended("no_rate", "called_number")
        if rate["blocked"]:
            raise Suspended("blocked_destination", "called_number")

        billed = billed_seconds(talk, rate["initial"], rate["increment"])
        local = in_zone(answer, customer["zone"])
        period = (local.year, local.month)
        allowances = plan.get("allowance", [])
        left = self.allowances.setdefault((customer["reference"], period), [a["seconds"] for a in allowances])
        included = 0
        for place, allowance in enumerate(allowances):
            if kind == "e164" and digits.startswith(tuple(allowance["destinations"])):
                taken = min(left[place], billed - included)
                left[place] -= taken
                included += taken
        amount = Fraction(0)
        if included < billed:
            amount = rounded(rate["connection"] + price(rate, included, billed), *tariff.rounding)
            amount = max(amount, rate["minimum"])
        return {"customer": customer, "period": period, "destination": rate["destination"], "prefix": rate["prefix"],
                "band": rate["band"], "talk": talk, "billed": billed, "included": included, "amount": amount,
                "answer": answer, "called": digits}


def content(record):
    """What a record says, as it is understood: how it is written and which duration tells the talk make no difference."""
    try:
        talk = talk_seconds(record)
    except Suspended:
        talk = record["billsec"]
    fields = ("calling_number", "called_number", "start", "answer", "end", "disposition", "direction", "charged_party",
              "account_ref")
    return talk, *(record[field] for field in fields)


def overlap(one, other):
    """Whether two contents tell of talks at the same time, as two legs of one call have it."""
    if one[4] is None or other[4] is None:
        return False
    end = min(one[4] + one[0] * SECOND, other[4] + other[0] * SECOND)
    return end - max(one[4], other[4]) > SECOND


def charge_files(operator):
    ledger = Ledger(operator)
    files, suspended = {}, []
    for name in FILES:
        count = dict.fromkeys(("records", "charged", "free", "duplicate", "suspended"), 0)
        kept = {}                                                 # record id -> what the record said that was taken in
        for place, line, read in records(name):
            count["records"] += 1
            try:
                record = read(line)
                key = record["record_id"]
                if key in kept:
                    if kept[key] != content(record):
                        leg = name == "pbx.csv" and overlap(kept[key], content(record))
                        raise Suspended(*("another_leg", "call_id") if leg else ("conflict", "record_id"))
                    count["duplicate"] += 1
                    continue
                charge = ledger.judge(record)
                kept[key] = content(record)
                if charge is None:
                    count["free"] += 1
                else:
                    count["charged"] += 1
                    ledger.charges.append({"file": name, "line": place, "record_id": key, **charge})
            except Suspended as why:
                count["suspended"] += 1
                suspended.append({"file": name, "line": place, "reason": why.reason, "field": why.field})
        assert count["records"] == sum(count.values()) - count["records"]
        files[name] = count
    return ledger, files, suspended


# ---- invoices ------------------------------------------------------------------------------------------

def invoice(operator, customer, charges):
    zone, currency = customer["zone"], customer["currency"]
    minor = MINOR_DIGITS[currency]
    plan = operator.plans[customer["plan"]]
    year, month = MONTH
    first, after = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    lines, net = [], Fraction(0)

    def line(kind, description, calls, seconds, included, amount):
        nonlocal net
        net += amount
        lines.append({"kind": kind, "description": description, "calls": calls, "seconds": seconds,
                      "included_seconds": included, "net": printed(amount, minor)})

    fee = decimal(plan["monthly_fee"])
    if fee > 0:
        line("fee", f"{plan['name']}, monthly fee", 0, 0, 0, fee)
    by_destination = {}
    for charge in charges:
        by_destination.setdefault(charge["destination"], []).append(charge)
    for destination in sorted(by_destination, key=lambda name: name.encode("utf-8")):
        calls = by_destination[destination]
        total = rounded(sum((call["amount"] for call in calls), Fraction(0)), minor, "half-up")
        line("usage", destination, len(calls), sum(call["billed"] for call in calls),
             sum(call["included"] for call in calls), total)
    rate = operator.tax_rate(customer["country"], after - timedelta(days=1))
    tax = rounded(net * decimal(rate) / 100, minor, "half-up")
    return {"currency": currency, "zone": customer["zone_name"],
            "period": {"starts_at": utc_text(midnight(first, zone)), "ends_at": utc_text(midnight(after, zone))},
            "lines": lines, "taxes": [{"rate": rate, "taxable": printed(net, minor), "tax": printed(tax, minor)}],
            "net": printed(net, minor), "tax": printed(tax, minor), "gross": printed(net + tax, minor)}


def charges_table(charges):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow("file line record_id customer period answer_time called prefix band destination talk_seconds billed_seconds "
                    "included_seconds amount currency".split())
    for c in charges:
        writer.writerow([c["file"], c["line"], c["record_id"], c["customer"]["reference"], f"{c['period'][0]}-{c['period'][1]:02d}",
                         in_zone(c["answer"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), c["called"], c["prefix"], c["band"],
                         c["destination"], c["talk"], c["billed"], c["included"], printed(c["amount"], 4), c["customer"]["currency"]])
    return out.getvalue()


def hand_computed():
    """A few results worked out on paper, so that the second opinion is itself checked."""
    assert [billed_seconds(s, 30, 6) for s in (1, 30, 31, 36, 37, 1000)] == [30, 30, 36, 36, 42, 1002]
    assert [billed_seconds(s, 60, 1) for s in (1, 60, 61, 130)] == [60, 60, 61, 130]
    steps = {"steps": [(0, decimal("0.129")), (600, decimal("0.079"))]}
    assert price(steps, 300, 1002) == decimal("0.645") + decimal("0.5293")
    third, half = Fraction(1, 3), decimal("0.30625")
    assert [rounded(third, 2, m) for m in ("down", "up", "half-up", "half-even")] == [decimal(t) for t in ("0.33", "0.34", "0.33", "0.33")]
    assert [rounded(half, 4, m) for m in ("half-up", "half-even")] == [decimal("0.3063"), decimal("0.3062")]
    assert utc_text(midnight(date(2026, 10, 1), ZoneInfo("Pacific/Kiritimati"))) == "2026-09-30T10:00:00Z"
    assert utc_text(midnight(date(2026, 11, 1), ZoneInfo("America/Havana"))) == "2026-11-01T04:00:00Z"      # the earlier midnight
    assert utc_text(midnight(date(2017, 10, 1), ZoneInfo("America/Asuncion"))) == "2017-10-01T04:00:00Z"     # no midnight
    assert number_of("(415) 555-0142", "US") == number_of("14155550142", "US") == ("e164", "14155550142")
    assert number_of("011442079460911", "US") == number_of("02079460911", "GB") == ("e164", "442079460911")
    assert number_of("+49112", "GR") == ("emergency", "49112") and number_of("*98", "DE") is None


def main():
    hand_computed()
    operator = Operator()
    ledger, files, suspended = charge_files(operator)
    invoices = {}
    for reference, customer in sorted(operator.customers.items()):
        if operator.plans[customer["plan"]]["payment"] == "postpaid":
            charges = [c for c in ledger.charges if c["customer"] is customer and c["period"] == MONTH]
            invoices[reference] = invoice(operator, customer, charges)
    month = f"{MONTH[0]}-{MONTH[1]:02d}"
    results = {
        "invoices.json": json.dumps({"month": month, "invoices": invoices}, ensure_ascii=False, indent=1) + "\n",
        "control.json": json.dumps({"files": files, "suspended": suspended}, indent=1) + "\n",
        "charges.csv": charges_table(ledger.charges),
    }
    wrong = 0
    for name, text in results.items():
        path = HERE / "expected" / name
        if "--check" in sys.argv[1:]:
            same = path.exists() and path.read_text(encoding="utf-8") == text
            wrong += not same
            print(f"{name}: {'the same' if same else 'DIFFERS'}")
        else:
            path.write_text(text, encoding="utf-8")
    for name, count in files.items():
        print(name, ", ".join(f"{number} {what}" for what, number in count.items()))
    for reference, one in invoices.items():
        print(reference, one["gross"], one["currency"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
