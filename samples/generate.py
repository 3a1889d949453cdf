#!/usr/bin/env python3
"""Writes the CDR files in cdrs/ and the table of warts in README.md. The same bytes every time.

Most calls are drawn from a small generator with a fixed seed; the special ones are written out
below, each with a note that says what it is there for. Needs only the standard library.
"""
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
BERLIN, ATHENS, LONDON = "Europe/Berlin", "Europe/Athens", "Europe/London"
NEW_YORK, LOS_ANGELES = "America/New_York", "America/Los_Angeles"
KOLKATA, KIRITIMATI, UTC = "Asia/Kolkata", "Pacific/Kiritimati", "UTC"


class Dice:
    """A linear congruential generator: the same on every Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, percent):
        return self.below(100) < percent


DICE = Dice(20261001)


# ---- instants: integer milliseconds since 1970 UTC ----------------------------------------------

def at(text, zone=BERLIN, fold=0):
    """A wall time of October 2026 or around it, `10-05 09:12:00`, in a zone."""
    local = datetime.strptime("2026-" + text, "%Y-%m-%d %H:%M:%S")
    local = local.replace(tzinfo=ZoneInfo(zone), fold=fold)
    return (local.astimezone(timezone.utc) - EPOCH) // timedelta(milliseconds=1)


def stamp(ms, zone, with_ms=False):
    """RFC 3339, in a zone's offset."""
    if ms is None:
        return None
    moment = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if with_ms:
        text += f".{ms % 1000:03d}"
    if zone == UTC:
        return text + "Z"
    offset = moment.utcoffset() // timedelta(minutes=1)
    sign = "+" if offset >= 0 else "-"
    return f"{text}{sign}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def wall(ms):
    """What Asterisk writes: Berlin's wall clock without an offset."""
    return (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(BERLIN)).strftime("%Y-%m-%d %H:%M:%S")


def seconds_text(ms):
    """Milliseconds as decimal seconds without trailing zeros."""
    sign, ms = ("-" if ms < 0 else ""), abs(ms)
    fraction = f"{ms % 1000:03d}".rstrip("0")
    return f"{sign}{ms // 1000}" + (f".{fraction}" if fraction else "")


# ---- numbers: from ranges kept for fiction where a country has them -------------------------------

def digits(n):
    return "".join(str(DICE.below(10)) for _ in range(n))


DESTINATIONS = {
    "berlin": lambda: "493023125" + digits(3), "hamburg": lambda: "494066969" + digits(3),
    "frankfurt": lambda: "496990009" + digits(3), "cologne": lambda: "492214710" + digits(3),
    "munich": lambda: "498999998" + digits(3),
    "de-mobile": lambda: DICE.pick(["4915228895456", "4915254599371", "491729925904", "491729968532",
                                    "491729973185", "491749091317", "4917139200" + digits(2)]),
    "london": lambda: "4420794609" + digits(2), "leeds": lambda: "441134960" + digits(3),
    "uk-mobile": lambda: "447700900" + digits(3), "us": lambda: DICE.pick(
        ["1212", "1415", "1312", "1617", "1206", "1416"]) + "55501" + digits(2),
    "alaska": lambda: "190755501" + digits(2), "hawaii": lambda: "180855501" + digits(2),
    "jamaica": lambda: "187655501" + digits(2), "france": lambda: "331990" + digits(5),
    "fr-mobile": lambda: "3363998" + digits(4), "sweden": lambda: "4684650040" + digits(1),
    "se-mobile": lambda: "467017406" + digits(2), "ireland": lambda: "35320915" + digits(4),
    "australia": lambda: "6125550" + digits(4), "au-mobile": lambda: DICE.pick(
        ["61491570006", "61491570156", "61491570157", "61491570158", "61491570110"]),
    "greece": lambda: "302100000" + digits(3), "gr-mobile": lambda: "306900000" + digits(3),
    "austria": lambda: "4310000" + digits(3), "at-mobile": lambda: "436600000" + digits(3),
    "switzerland": lambda: "41440000" + digits(3), "ch-mobile": lambda: "41760000" + digits(3),
    "netherlands": lambda: "31200000" + digits(3), "nl-mobile": lambda: "31600000" + digits(3),
    "italy": lambda: "39060000" + digits(4), "spain": lambda: "34910000" + digits(3),
    "poland": lambda: "48220000" + digits(3), "turkey": lambda: "90212000" + digits(4),
    "tr-mobile": lambda: "90501000" + digits(4), "ukraine": lambda: "380440000" + digits(3),
    "cote-divoire": lambda: "22527200000" + digits(2), "reunion": lambda: "262262000" + digits(3),
    "aland": lambda: "35818100" + digits(3), "india": lambda: "912220000" + digits(3),
    "in-mobile": lambda: "919000000" + digits(3), "kolkata": lambda: "913322220" + digits(3),
    "dubai": lambda: "97142000" + digits(3), "bangladesh": lambda: "88029000" + digits(4),
    "nepal": lambda: "97714000" + digits(3), "singapore": lambda: "65620000" + digits(2),
    "sri-lanka": lambda: "94112000" + digits(3), "mexico": lambda: "52811000" + digits(4),
    "mexico-city": lambda: "52555550" + digits(4), "brazil": lambda: "551130000" + digits(3),
    "philippines": lambda: "6328000" + digits(4), "japan": lambda: "8130000" + digits(4),
    "nigeria": lambda: "2348020000" + digits(3), "kiribati": lambda: "68675000" + digits(3),
    "ki-mobile": lambda: "68673000" + digits(3), "new-zealand": lambda: "6495550" + digits(3),
    "fiji": lambda: "6793300" + digits(3), "nauru": lambda: "6744440" + digits(3),
}

# ---- records -----------------------------------------------------------------------------------

FIELDS = ("record_id call_id account_ref direction charged_party calling_number called_number "
          "start_time answer_time end_time duration billsec disposition").split()


def call(caller, called, answer, talk, note=None, *, ring=None, zone=BERLIN, ms=False, file_at=None, **other):
    """An answered outbound call of `talk` seconds (or milliseconds when `ms`); any field may be set."""
    ring = DICE.between(2, 25) * 1000 + (DICE.below(1000) if ms else 0) if ring is None else ring
    talk = talk if ms else talk * 1000
    start, end = answer - ring, answer + talk
    record = {
        "record_id": None, "call_id": f"{DICE.below(2**31):08x}@sbc.example.net", "account_ref": "",
        "direction": "outbound", "charged_party": "", "calling_number": caller, "called_number": called,
        "start_time": stamp(start, zone, ms), "answer_time": stamp(answer, zone, ms),
        "end_time": stamp(end, zone, ms), "duration": seconds_text(end - start),
        "billsec": seconds_text(talk), "disposition": "ANSWERED",
    }
    record.update(other)
    return {"at": end if file_at is None else file_at, "record": record, "note": note}


def attempt(caller, called, start, ring, disposition, note=None, *, zone=BERLIN, ms=False, **other):
    """A call that nobody answered, `ring` seconds (or milliseconds when `ms`) long."""
    item = call(caller, called, start, ring, note, ring=0, zone=zone, ms=ms, answer_time="", billsec="0",
                disposition=disposition)
    item["record"].update(other)
    return item


def again(item, at_ms, note, **changes):
    """The same record later in the file: unchanged a duplicate, changed a conflict."""
    return {"at": at_ms, "again": item, "changes": changes, "note": note}


def raw(item, at_ms, note, damage):
    """A line that is no longer a record."""
    return {"at": at_ms, "record": item["record"], "note": note, "damage": damage}


TALK = [(5, 59), (5, 59), (20, 120), (20, 120), (60, 300), (60, 300), (300, 1500)]


def everyday(count, lines, ms=False, zone=None):
    """Ordinary traffic: (number, its zone, where it calls) by lot."""
    items = []
    for _ in range(count):
        number, home, places = DICE.pick(lines)
        day, hour = DICE.between(1, 31), DICE.pick([8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21])
        moment = at(f"10-{day:02d} {hour:02d}:{DICE.below(60):02d}:{DICE.below(60):02d}", home)
        moment += DICE.below(1000) if ms else 0
        called = "+" + DESTINATIONS[DICE.pick(places)]()
        shown = zone or home
        kind = DICE.below(100)
        if kind < 76:
            low, high = DICE.pick(TALK)
            talk = DICE.between(low, high)
            if ms:
                talk = talk * 1000 + DICE.below(1000)
            items.append(call("+" + number, called, moment, talk, zone=shown, ms=ms))
        elif kind < 83:
            items.append(call(called, "+" + number, moment, DICE.between(5, 200) * (1000 if ms else 1), zone=shown,
                              ms=ms, direction="inbound"))
        else:
            why = DICE.pick(["NO_ANSWER", "NO_ANSWER", "BUSY", "FAILED", "CANCELLED", "CONGESTION"])
            ring = DICE.between(1, 40) if why in ("NO_ANSWER", "CANCELLED") else DICE.between(0, 2)
            items.append(attempt("+" + number, called, moment, ring * (1000 if ms else 1), why, zone=shown, ms=ms))
    return items


EUROPE = ("hamburg frankfurt cologne munich berlin de-mobile de-mobile london leeds uk-mobile france fr-mobile "
          "austria austria at-mobile switzerland ch-mobile netherlands nl-mobile italy spain poland sweden se-mobile "
          "ireland greece gr-mobile turkey tr-mobile ukraine us reunion aland cote-divoire kiribati au-mobile").split()
ABROAD = [place for place in EUROPE if place not in
          "hamburg frankfurt cologne munich berlin de-mobile".split()]
HOME = "hamburg frankfurt cologne munich berlin berlin de-mobile de-mobile austria france london".split()
AMERICA = "us us us us us alaska hawaii jamaica mexico mexico-city brazil london uk-mobile hamburg de-mobile \
nigeria philippines japan kolkata greece france".split()
INDIA = "india india in-mobile in-mobile in-mobile kolkata kolkata us london hamburg dubai bangladesh nepal \
singapore sri-lanka".split()
PACIFIC = "kiribati ki-mobile ki-mobile australia au-mobile new-zealand fiji nauru hawaii us japan hamburg".split()

C1, C2, C3 = "+493023125001", "+494066969010", "+492214710003"
C4, C4B, C5, FREEPHONE = "+496990009100", "+496990009101", "+498999998005", "+498000000005"
C6, C7, MOVED, C8 = "+302100000006", "+4915228817386", "+493023125077", "+493023125008"
C9, C10, GIVEN_BACK = "+12125550109", "+19175550110", "+12135550111"
C11, C12, C13, C14 = "+913322220011", "+68672000012", "+442079460113", "+493023125014"


def switch_a():
    items = everyday(62, [(C1[1:], BERLIN, ABROAD), (C5[1:], BERLIN, EUROPE), (C5[1:], BERLIN, EUROPE)], zone=BERLIN)
    items += everyday(38, [(C2[1:], BERLIN, EUROPE), (C3[1:], BERLIN, EUROPE), (C7[1:], BERLIN, HOME)], zone=BERLIN)
    items += everyday(40, [(C8[1:], BERLIN, HOME), (C4B[1:], BERLIN, HOME), (C13[1:], LONDON, EUROPE)], zone=BERLIN)
    items += everyday(56, [(C9[1:], NEW_YORK, AMERICA), (C10[1:], LOS_ANGELES, AMERICA), (C6[1:], ATHENS, EUROPE)])
    items += everyday(30, [(C11[1:], KOLKATA, INDIA), (C12[1:], KIRITIMATI, PACIFIC)])

    add = items.append
    # An allowance of 6000 seconds is used up in the middle of a call.
    for day, talk in (("10-02 10:00:00", 1800), ("10-06 16:30:00", 2400), ("10-09 19:00:00", 1200), ("10-12 09:15:00", 500)):
        add(call(C1, "+494066969321", at(day), talk))
    add(call(C1, "+492214710654", at("10-13 11:00:00"), 130,
             "100 s of the allowance are left for 130 s: 30 s are priced, at the peak price"))
    add(call(C1, "+494066969321", at("10-14 20:00:00"), 60, "the allowance is empty: all 60 s are priced, off-peak"))
    add(call(C8, "+498999998222", at("10-01 18:30:00"), 5990))
    add(call(C8, "+491729925904", at("10-01 20:30:00"), 130,
             "10 s of the allowance are left for a 60/1 call of 130 s: 120 s are priced, with the connection charge"))
    add(call(C7, "+31200000150", at("10-11 18:00:00"), 6, "a flat-rate call of exactly half a cent: half-up makes it a cent"))
    add(call(C4B, "+4915254599371", at("10-01 18:00:00"), 20, "paid whole by the allowance: no connection charge and no minimum charge"))
    add(call(C6, "+302310000012", at("10-01 21:00:00", ATHENS), 1500, zone=ATHENS))
    add(call(C6, "+306900000777", at("10-01 22:00:00", ATHENS), 1000,
             "30/6 makes 1002 s; 300 s from the allowance, then the price steps at 600 s counted from the start of the call",
             zone=ATHENS))
    add(call(C5, "+306900000555", at("10-08 12:00:00"), 725, "stepped price without an allowance, 30/6 makes 726 s"))
    add(call(C5, "+441134960777", at("10-08 13:00:00"), 2000, "three price steps: 0, 300 and 1800 s"))
    add(call(C5, "+41440000123", at("10-08 14:00:00"), 9, "below the minimum charge"))
    add(call(C5, "+41440000123", at("10-08 14:05:00"), 300, "above the minimum charge"))
    # Bands, the holiday, the night the clock goes back.
    add(call(C5, "+4310000111", at("10-05 07:59:59"), 45, "the last off-peak second"))
    add(call(C5, "+4310000111", at("10-05 08:00:00"), 45, "the first peak second"))
    add(call(C5, "+4310000111", at("10-05 17:59:59"), 45, "the last peak second; all of the call is peak", ring=6000))
    add(call(C5, "+4310000111", at("10-05 18:00:00"), 45, "`to` is exclusive: off-peak again"))
    add(call(C5, "+4310000111", at("10-28 10:00:00"), 45, "a Wednesday that is a holiday: weekend price"))
    add(call(C5, "+4310000111", at("10-03 12:00:00"), 45, "a Saturday that is a holiday: weekend price"))
    add(call(C5, "+498999998111", at("10-04 12:00:00"), 600, "4989 has a weekend price only"))
    add(call(C5, "+498999998111", at("10-05 12:00:00"), 600, "on a weekday 4989 has no rate, so 49 applies"))
    add(call(C13, "+4310000111", at("10-06 08:30:00", BERLIN), 45,
             "08:30 in Berlin, 07:30 for the customer in London: off-peak"))
    add(call(C13, "+4310000111", at("10-06 08:30:00", LONDON), 45, "08:30 in London: peak", zone=LONDON))
    add(call(C5, "+494066969111", at("10-23 06:30:00", UTC), 100, "06:30Z before the clock change is 08:30: peak"))
    add(call(C5, "+494066969111", at("10-26 06:30:00", UTC), 100, "06:30Z after the clock change is 07:30: off-peak"))
    add(call(C5, "+494066969111", at("10-26 07:30:00", UTC), 100, "07:30Z after the clock change is 08:30: peak"))
    add(call(C5, "+494066969111", at("10-25 02:15:00"), 120, "02:15 the first time (00:15Z): moonlight"))
    add(call(C5, "+494066969111", at("10-25 02:45:00"), 120, "02:45 the first time (00:45Z): not moonlight"))
    add(call(C5, "+494066969111", at("10-25 02:58:00"), 300,
             "across the clock change: the wall clock ends before it began, the talk is 300 s", ring=8000))
    add(call(C5, "+494066969111", at("10-25 02:15:00", fold=1), 120, "02:15 again (01:15Z): moonlight once more"))
    add(call(C5, "+494066969111", at("10-25 02:45:00", fold=1), 120, "02:45 again (01:45Z): not moonlight"))
    add(call(C5, "+494066969222", at("10-10 23:55:00"), 900, "over midnight"))
    # The price of Greece changes on the 15th, Berlin time.
    add(call(C13, "+302100000333", at("10-14 21:59:59", UTC), 60, "the last second of the old price for Greece", zone=UTC))
    add(call(C13, "+302100000333", at("10-14 22:00:00", UTC), 60, "the first second of the new price for Greece", zone=UTC))
    # The ends of the month, in each zone.
    for caller, called, zone, name in ((C5, "+494066969777", BERLIN, "Berlin"), (C9, "+14155550123", NEW_YORK, "New York"),
                                       (C11, "+919000000777", KOLKATA, "Kolkata"), (C12, "+68673000777", KIRITIMATI, "Kiritimati")):
        add(call(caller, called, at("09-30 23:59:59", zone), 61, f"last second of September in {name}: period 2026-09", zone=UTC))
        add(call(caller, called, at("10-01 00:00:00", zone), 61, f"first second of October in {name}: period 2026-10", zone=UTC))
        add(call(caller, called, at("10-31 23:59:59", zone), 61, f"last second of October in {name}: period 2026-10", zone=UTC))
        add(call(caller, called, at("11-01 00:00:00", zone), 61, f"first second of November in {name}: period 2026-11", zone=UTC))
    add(call(C10, "+14155550123", at("10-31 23:59:59", LOS_ANGELES), 61,
             "last second of October in Los Angeles, by the zone that is set (the number is New York's): period 2026-10", zone=UTC))
    add(call(C10, "+14155550123", at("11-01 00:00:00", LOS_ANGELES), 61, "first second of November in Los Angeles: period 2026-11", zone=UTC))
    # The number that moves.
    add(call(MOVED, "+4310000222", at("10-15 23:59:59", UTC), 30, "the moved number's last second with C-1007", zone=UTC))
    add(call(MOVED, "+4310000222", at("10-16 00:00:00", UTC), 30, "the moved number's first second with C-1008", zone=UTC))
    add(call(MOVED, "+33199001234", at("10-04 15:00:00"), 200, "the moved number, C-1007"))
    add(call(MOVED, "+33199001234", at("10-20 15:00:00"), 200, "the moved number, C-1008"))
    add(call(MOVED, "+33199004321", at("10-12 18:00:00"), 75, "late record: a call of the 12th, written on the 22nd: C-1007 pays",
             file_at=at("10-22 09:00:00")))
    # Who pays.
    add(call("", "+31200000123", at("10-07 09:00:00"), 80, "withheld caller, charged by the account", account_ref="C-1005"))
    add(call("anonymous", "+31200000123", at("10-07 09:10:00"), 80, "withheld caller without an account"))
    add(call(C2, "+31200000124", at("10-07 09:20:00"), 80, "the account (C-1005) wins over the caller's number (C-1002)",
             account_ref="C-1005"))
    add(call(C2, "+31200000125", at("10-07 09:30:00"), 80, "the account names nobody, so the caller's line decides: C-1002",
             account_ref="C-9999"))
    add(call("+493023125999", "+31200000126", at("10-07 09:40:00"), 80, "neither the account nor the number is known",
             account_ref="C-9999"))
    add(call("+493023125998", "+31200000127", at("10-07 09:50:00"), 80, "unknown caller"))
    add(call(GIVEN_BACK, "+14155550111", at("10-09 23:59:59", UTC), 50, "the last second of a line that is given back", zone=UTC))
    add(call(GIVEN_BACK, "+14155550111", at("10-10 00:00:00", UTC), 50, "the line is given back and belongs to nobody", zone=UTC))
    add(call("0049 89 99998-005", "+31200000128", at("10-07 10:00:00"), 80, "the calling number with 00 and separators"))
    add(call("089/99998005", "+31200000129", at("10-07 10:10:00"), 80, "the calling number in national form of the operator's country"))
    add(call("+493023125500", FREEPHONE, at("10-07 11:00:00"), 150, "to the freephone number: the called C-1005 pays",
             direction="inbound", charged_party="called"))
    add(attempt("+493023125500", FREEPHONE, at("10-07 11:30:00"), 20, "NO_ANSWER", "to the freephone number, not answered",
                direction="inbound", charged_party="called"))
    add(call("+493023125501", C5, at("10-07 12:00:00"), 90, "inbound from a stranger: free", direction="inbound"))
    add(call(C4, C4B, at("10-07 12:10:00"), 90, "internal: free", direction="internal"))
    add(call(C14, "+31200000130", at("10-05 10:00:00"), 60, "the line has no plan yet"))
    add(call(C14, "+31200000130", at("10-20 10:00:00"), 60, "the same line with its plan"))
    add(call(C3, "+494066969444", at("10-07 13:00:00"), 61, "a prepaid customer: charged, but on no invoice"))
    # Forms of the called number.
    add(call(C5, "00442079460955", at("10-08 09:00:00"), 40, "called with 00"))
    add(call(C5, "030 23125 123", at("10-08 09:05:00"), 40, "called in national form, with spaces: Berlin, 60/60"))
    add(call(C5, "+49 (40) 66969-321", at("10-08 09:10:00"), 40, "called with separators"))
    add(call(C5, "sip:+33199001111@sbc.example.net;user=phone", at("10-08 09:15:00"), 40, "a SIP URI"))
    add(call(C5, "sip:004310000333@10.0.0.1:5060", at("10-08 09:20:00"), 40, "a SIP URI with a 00 number, peak"))
    add(call(C5, "tel:+49-69-90009-222", at("10-08 09:25:00"), 40, "a tel URI"))
    add(call(C5, "tel:+48220000123;phone-context=example.net", at("10-08 09:30:00"), 40, "a tel URI with a parameter"))
    add(call(C9, "011442079460911", at("10-08 10:00:00", NEW_YORK), 40, "011 from New York", zone=NEW_YORK))
    add(call(C9, "4155550142", at("10-08 10:05:00", NEW_YORK), 40, "10 digits from New York: +1", zone=NEW_YORK))
    add(call(C9, "(415) 555-0142", at("10-08 10:10:00", NEW_YORK), 40, "10 digits with separators", zone=NEW_YORK))
    add(call(C10, "14155550143", at("10-08 10:15:00", LOS_ANGELES), 40, "1 and 10 digits", zone=LOS_ANGELES))
    add(call(C10, "18005550199", at("10-08 10:20:00", LOS_ANGELES), 400, "a destination with the price 0: charged, with 0.00",
             zone=LOS_ANGELES))
    add(call(C10, "+14155550143", at("10-08 19:00:00", LOS_ANGELES), 66, "the evening price, by the zone that is set", zone=UTC))
    add(call(C10, "+14155550143", at("10-08 19:00:00", NEW_YORK), 66, "evening in New York, afternoon for the customer", zone=UTC))
    add(call(C10, "+63280001234", at("10-09 10:00:00", LOS_ANGELES), 20, "fee and price below the minimum charge of 0.25", zone=UTC))
    add(call(C10, "+528110001234", at("10-15 03:59:59", UTC), 60, "the last second of the old price for Mexico (midnight in New York)", zone=UTC))
    add(call(C10, "+528110001234", at("10-15 04:00:00", UTC), 60, "the first second of the new price for Mexico", zone=UTC))
    add(call(C11, "03322220456", at("10-08 11:00:00", KOLKATA), 40, "national form in India", zone=KOLKATA))
    add(call(C11, "00494066969123", at("10-08 11:10:00", KOLKATA), 75, "00 from India", zone=KOLKATA))
    add(call(C12, "75000123", at("10-08 11:00:00", KIRITIMATI), 61, "8 digits in Kiribati", zone=KIRITIMATI))
    add(call(C13, "02079460955", at("10-08 11:00:00", LONDON), 61, "national form in Britain", zone=LONDON))
    add(call(C6, "2310000012", at("10-08 11:00:00", ATHENS), 61, "national form in Greece, which has no 0 in front", zone=ATHENS))
    # Short codes, emergencies, what is no number.
    add(call(C1, "112", at("10-09 03:00:00"), 95, "emergency: free"))
    add(call(C2, "110", at("10-09 03:10:00"), 95, "emergency from a flat-rate line: free, though `*` matches everything"))
    add(call(C1, "+49112", at("10-09 03:20:00"), 95, "emergency with the country code in front: free"))
    add(call(C9, "911", at("10-09 03:00:00", NEW_YORK), 95, "emergency in the United States: free", zone=NEW_YORK))
    add(call(C13, "999", at("10-09 03:00:00", LONDON), 95, "emergency in Britain: free", zone=LONDON))
    add(call(C1, "11833", at("10-09 10:00:00"), 70, "directory enquiries by DE:118, not from the allowance"))
    add(call(C6, "11888", at("10-09 10:00:00", ATHENS), 70, "directory enquiries by GR:118", zone=ATHENS))
    add(call(C2, "11833", at("10-09 10:30:00"), 70, "a short code does not match `*`"))
    add(call(C9, "411", at("10-09 10:00:00", NEW_YORK), 70, "a short code that this tariff has no row for", zone=NEW_YORK))
    add(call(C5, "*98", at("10-09 11:00:00"), 12, "a feature code that the switch sent out"))
    add(call(C5, "+4940669691234567890", at("10-09 11:10:00"), 12, "more than 15 digits"))
    add(call(C5, "+85021234567", at("10-09 11:20:00"), 45, "no rate for this destination"))
    add(call(C8, "+881612345678", at("10-09 11:30:00"), 45, "a blocked destination"))
    # Durations and times.
    add(call(C5, "+494066969555", at("10-19 09:00:00"), 120, "billsec is 5 s more than the times: the lower counts",
             billsec="125", duration="140", ring=20000))
    add(call(C5, "+494066969555", at("10-19 09:10:00"), 160, "billsec is 60 s less than the times: the lower counts", billsec="100"))
    add(call(C5, "+494066969555", at("10-19 09:20:00"), 60, "billsec is 1 s more than the times: billsec counts", billsec="61"))
    add(call(C5, "+494066969555", at("10-19 09:30:00"), 60, "no billsec: from the times", billsec=""))
    add(call(C5, "+494066969555", at("10-19 09:40:00"), 60001, "60.001 s are 61 s", ms=True))
    add(call(C2, "+494066969556", at("10-19 00:00:00"), 86400, "exactly 24 hours: charged"))
    add(call(C2, "+494066969556", at("10-21 00:00:00"), 90000, "25 hours"))
    add(call(C5, "+494066969557", at("10-19 10:00:00"), 0, "answered with 0 s: free"))
    add(call(C5, "+494066969557", at("10-19 10:10:00"), 40, "negative billsec", billsec="-40"))
    add(call(C5, "+494066969557", at("10-19 10:20:00"), 40, "billsec is more than the whole call", ring=10000, duration="50",
             billsec="70"))
    moment = at("10-19 10:30:20")
    add(call(C5, "+494066969557", moment, 40, "end before answer", ring=20000, end_time=stamp(moment - 10000, BERLIN),
             duration="10", billsec="5"))
    add(call(C5, "+494066969557", at("10-19 10:40:00"), 40, "answer before start", ring=0,
             start_time=stamp(at("10-19 10:40:10"), BERLIN), duration="40"))
    add(attempt(C5, "+494066969557", at("10-19 10:50:00"), 0, "NO_ANSWER", "end before start",
                start_time=stamp(at("10-19 10:50:20"), BERLIN)))
    add(call(C5, "+494066969558", at("10-19 11:00:00"), 40, "start without an offset", start_time="2026-10-19T10:59:50"))
    add(call(C5, "+494066969558", at("10-19 11:10:00"), 40, "no start", start_time=""))
    add(call(C5, "+494066969558", at("10-19 11:20:00"), 40, "a disposition that is none", disposition="HANGUP"))
    add(call(C5, "+494066969558", at("10-19 11:30:00"), 40, "no disposition", disposition=""))
    add(call(C5, "+494066969558", at("10-19 11:40:00"), 40, "a direction that is none", direction="sideways"))
    add(call(C5, "+494066969558", at("10-19 11:50:00"), 40, "billsec is no number", billsec="n/a"))
    # Sent again.
    first = call(C5, "+4310000444", at("10-20 09:00:00"), 61)
    add(first)
    add(again(first, at("10-20 09:30:00"), "the same line again"))
    add(again(first, at("10-20 09:40:00"), "the same line a third time"))
    missed = attempt(C5, "+4310000444", at("10-20 10:00:00"), 30, "NO_ANSWER")
    add(missed)
    add(again(missed, at("10-20 10:30:00"), "an unanswered call again"))
    second = call(C1, "+4310000445", at("10-20 11:00:00"), 61)
    add(second)
    add(again(second, at("10-20 11:30:00"), "the same record id with another billsec: the first stays charged",
              billsec="601", duration="640"))
    add(again(second, at("10-20 11:40:00"), "the first content once more: a duplicate"))
    third = call(C8, "+492214710333", at("10-02 12:00:00"), 300)
    add(third)
    add(again(third, at("10-02 12:30:00"), "the same record id with another called number", called_number="+492214710334"))
    # Broken lines.
    spoilt = call(C5, "+4310000446", at("10-21 09:00:00"), 61)
    add(raw(spoilt, spoilt["at"], "columns are missing", lambda line: ",".join(line.split(",")[:7]).encode()))
    spoilt = call(C5, "+4310000447", at("10-21 09:10:00"), 61)
    add(raw(spoilt, spoilt["at"], "a NUL byte in the called number", lambda line: line.replace("+4310000447", "+43100\x0000447").encode()))
    spoilt = call(C5, "+4310000448", at("10-21 09:20:00"), 61)
    add(raw(spoilt, spoilt["at"], "a column too many", lambda line: (line + ",").encode()))
    spoilt = call(C5, "+4310000449", at("10-21 09:30:00"), 61)
    add(raw(spoilt, spoilt["at"], "invalid UTF-8 (0xFF) in the called number", lambda line: line.encode().replace(b"+4310000449", b"\xff4310000449")))
    spoilt = call(C5, "+4310000450", at("11-02 00:00:00"), 61)
    add(raw(spoilt, spoilt["at"], "the file ends in the middle of the line, without a newline", lambda line: line.encode()[:83]))
    items.sort(key=lambda item: item["at"])

    def text(record):
        return ",".join('"' + value.replace('"', '""') + '"' if any(c in value for c in ',"') else value
                        for value in (record[name] or "" for name in FIELDS))

    lines, notes = [",".join(FIELDS).encode()], []
    number_and_damage(items, "A", text, lines, notes)
    body = b"\xef\xbb\xbf" + b"\r\n".join(lines)                 # no newline at the end: the last line is cut off
    return body, [("1", "the header; the file begins with a byte order mark, and its lines end with CRLF")] + notes


def number_and_damage(items, letter, text, lines, notes):
    """Record ids by place in the file, then the lines and the notes with their line numbers."""
    for place, item in enumerate(items, 1):
        if "again" in item:
            record = dict(item["again"]["record"], **item["changes"])
        else:
            record = item["record"]
            if record["record_id"] is None:
                record["record_id"] = f"{letter}{place:06d}"
        line = text(record)
        lines.append(item["damage"](line) if "damage" in item else line.encode())
        if item["note"]:
            notes.append((str(len(lines)), item["note"]))


def switch_b():
    items = everyday(74, [(C9[1:], NEW_YORK, AMERICA), (C10[1:], LOS_ANGELES, AMERICA), (C11[1:], KOLKATA, INDIA),
                          (C12[1:], KIRITIMATI, PACIFIC), (C13[1:], LONDON, EUROPE), (C6[1:], ATHENS, EUROPE)], ms=True, zone=UTC)
    items += everyday(20, [(C2[1:], BERLIN, EUROPE), (C3[1:], BERLIN, EUROPE), (C5[1:], BERLIN, EUROPE)], ms=True, zone=BERLIN)
    add = items.append
    add(call(C5, "+494066969601", at("10-06 09:00:00"), 61000, "the record id of a call in switch-a.csv: another source, another call",
             ms=True, record_id="A000200"))
    add(call(C9, "+14155550155", at("10-06 10:00:00", NEW_YORK), 61, "duration and billsec are absent: from the times", zone=UTC,
             duration=None, billsec=None))
    add(call(C9, "+14155550155", at("10-06 10:05:00", NEW_YORK), 75, "fields we do not know are ignored", zone=UTC,
             trunk_out="carrier-7", ext={"codec": "opus", "mos": "4.3"}))
    add(call(C9, "+14155550155", at("10-06 10:10:00", NEW_YORK), 60999, "60.999 s are 61 s, and 66 s by 60/6", zone=UTC, ms=True))
    add(call(C11, "+919000000321", at("10-06 10:00:00", KOLKATA), 30, "exactly half a unit in the day band: 0.375 is 0.38", zone=KOLKATA))
    add(call(C11, "+919000000321", at("10-06 22:00:00", KOLKATA), 42, "exactly half a unit outside the day band: 0.455 is 0.46", zone=KOLKATA))
    add(call(C11, "+919000000321", at("10-25 22:00:00", KOLKATA), 30, "exactly half a unit: 0.325 is 0.32, where half-up says 0.33",
             zone=KOLKATA))
    add(call(C11, "+919000000321", at("10-26 22:00:00", KOLKATA), 90, "exactly half a unit: 0.975 is 0.98", zone=KOLKATA))
    add(call(C11, "+97142000321", at("10-06 11:00:00", KOLKATA), 361, "fee and two price steps, 60/60", zone=KOLKATA))
    add(call(C11, "+88029000321", at("10-06 11:30:00", KOLKATA), 50, "below the minimum charge", zone=KOLKATA))
    add(call(C11, "+919000000321", at("10-02 12:00:00", KOLKATA), 50, "a Friday that is a holiday in this tariff", zone=KOLKATA))
    add(call(C12, "+61255501234", at("10-06 10:00:00", KIRITIMATI), 77, "rounded down to 3 digits", zone=KIRITIMATI))
    add(call(C12, "+6793300123", at("10-06 11:00:00", KIRITIMATI), 5, "with a connection charge", zone=KIRITIMATI))
    add(call(C13, "sip:+447700900456@sbc.example.net", at("10-06 12:00:00", LONDON), 59, "a SIP URI", zone=UTC))
    add(call(C6, "112", at("10-06 12:00:00", ATHENS), 30, "emergency in Greece: free", zone=UTC))
    add(call(C5, "+31200000777", at("10-06 12:00:00"), 1, "a text message", service="sms"))
    add(call(C5, "+31200000778", at("10-06 12:10:00"), 60, "a partial record", record_type="partial_interim"))
    add(call(C5, "+31200000779", at("10-06 12:20:00"), 60, "full and voice, said aloud", record_type="full", service="voice",
             charged_party="calling"))
    missing = call(C5, "+31200000780", at("10-06 12:30:00"), 60, "no record id")
    missing["record"]["record_id"] = ""
    add(missing)
    add(call(C9, "+881612345678", at("10-07 10:00:00", NEW_YORK), 60, "a blocked destination", zone=UTC))
    add(call(C12, "+302100000123", at("10-07 10:00:00", KIRITIMATI), 60, "no rate for this destination", zone=UTC))
    add(call("+12125550188", "+14155550155", at("10-07 10:00:00", NEW_YORK), 60, "unknown caller", zone=UTC))
    add(call(C9, "anonymous", at("10-07 10:10:00", NEW_YORK), 60, "the called number is a word", zone=UTC))
    first = call(C9, "+528110000123", at("10-08 10:00:00", NEW_YORK), 61)
    add(first)
    add(again(first, at("10-09 10:00:00", NEW_YORK), "the same line a day later"))
    second = call(C12, "+6495550123", at("10-08 10:00:00", KIRITIMATI), 61, zone=KIRITIMATI)
    add(second)
    add(again(second, at("10-09 10:00:00", KIRITIMATI), "the same record id with another end", billsec="62",
              duration="80", end_time=stamp(at("10-08 10:01:02", KIRITIMATI), KIRITIMATI)))
    spoilt = call(C9, "+14155550166", at("10-10 10:00:00", NEW_YORK), 60)
    add(raw(spoilt, spoilt["at"], "invalid UTF-8 in a string", lambda line: line.encode().replace(b"@sbc", b"\xe4sbc")))
    spoilt = call(C9, "+14155550167", at("10-10 11:00:00", NEW_YORK), 60)
    add(raw(spoilt, spoilt["at"], "two objects without a comma or newline between their halves",
            lambda line: line.replace('","', '" "', 1).encode()))
    spoilt = call(C9, "+14155550168", at("10-10 12:00:00", NEW_YORK), 60)
    add(raw(spoilt, spoilt["at"], "an array, not an object", lambda line: ("[" + line + "]").encode()))
    spoilt = call(C9, "+14155550169", at("11-02 12:00:00", NEW_YORK), 60)
    add(raw(spoilt, spoilt["at"], "the file ends in the middle of the object", lambda line: line.encode()[:120]))
    items.sort(key=lambda item: item["at"])

    def text(record):
        parts = []
        for name, value in record.items():
            if value is None or (value == "" and name in ("account_ref", "charged_party", "billsec", "duration")):
                continue
            if name == "answer_time" and value == "":
                value = None
            if name in ("duration", "billsec"):
                parts.append(f'"{name}":{value}')              # a JSON number, exactly as written
            else:
                parts.append(f'"{name}":' + json.dumps(value, ensure_ascii=False))
        return "{" + ",".join(parts) + "}"

    lines, notes = [], []
    number_and_damage(items, "B", text, lines, notes)
    return b"\n".join(lines), notes


def pbx():
    """Asterisk's Master.csv of Möwe Logistik's own exchange: 18 columns, Berlin's wall clock."""
    rows, serial = [], [0]

    def quoted(value):
        return '"' + value.replace('"', '""') + '"'

    def leg(src, dst, start, ring, talk, disposition, note=None, *, account="C-1004", to=None, come_from=None, unique=None,
            app="Dial", userfield="", name="", file_at=None, billsec=None, answered=None):
        serial[0] += 1
        n = serial[0]
        channel = f"{come_from or f'PJSIP/{src}'}-{2 * n:08x}"
        dstchannel = f"{to}-{2 * n + 1:08x}" if to else ""
        answered = (disposition == "ANSWERED" or talk > 0) if answered is None else answered
        answer = start + ring * 1000
        end = answer + talk * 1000
        unique = unique or f"{start // 1000}.{n}"
        fields = [quoted(account), quoted(src), quoted(dst), quoted("from-internal" if not come_from else "from-trunk"),
                  quoted(f'"{name or src}" <{src}>'), quoted(channel), quoted(dstchannel), quoted(app),
                  quoted(f"{to or ''}/{dst},60" if app == "Dial" else dst), quoted(wall(start)),
                  quoted(wall(answer)) if answered else "", quoted(wall(end)), str((end - start) // 1000),
                  str(talk if billsec is None else billsec), quoted(disposition), quoted("DOCUMENTATION"), quoted(unique),
                  quoted(userfield)]
        row = {"at": end if file_at is None else file_at, "line": ",".join(fields).encode(), "note": note, "unique": unique, "end": end}
        rows.append(row)
        return row

    def out(src, dst, start, ring, talk, disposition="ANSWERED", note=None, **more):
        return leg(src, dst, start, ring, talk, disposition, note, to="PJSIP/trunk", **more)

    def repeat(row, at_ms, note, line=None):
        rows.append({"at": at_ms, "line": line or row["line"], "note": note, "unique": None, "end": at_ms})

    extensions = ["201", "202", "203", "204"]
    for _ in range(30):
        day, hour = DICE.pick([1, 2, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30]), DICE.between(7, 18)
        moment = at(f"10-{day:02d} {hour:02d}:{DICE.below(60):02d}:{DICE.below(60):02d}")
        src = DICE.pick(extensions)
        number = DESTINATIONS[DICE.pick(EUROPE)]()
        dialled = "0" + number[2:] if number.startswith("49") else "00" + number
        kind = DICE.below(100)
        if kind < 66:
            low, high = DICE.pick(TALK)
            out(src, dialled, moment, DICE.between(2, 20), DICE.between(low, high))
        elif kind < 76:
            leg("0" + "3023125" + digits(3), "06990009100", moment, DICE.between(3, 15), DICE.between(10, 300), "ANSWERED",
                come_from="PJSIP/trunk", to=f"PJSIP/{src}", account="")
        elif kind < 84:
            leg(src, DICE.pick([e for e in extensions if e != src]), moment, 4, DICE.between(5, 90), "ANSWERED", to="PJSIP/desk")
        else:
            out(src, dialled, moment, DICE.between(5, 40), 0, DICE.pick(["NO ANSWER", "BUSY", "FAILED", "CONGESTION"]))

    moment = at("10-05 09:00:00")
    first = out("201", "00442079460901", moment, 2, 0, "FAILED", "first trunk fails")
    out("201", "00442079460901", moment + 2000, 3, 0, "FAILED", "second trunk fails", unique=first["unique"])
    out("201", "00442079460901", moment + 5000, 9, 187, "ANSWERED", "third trunk answers: only this one is charged", unique=first["unique"])
    leg("03023125777", "06990009100", at("10-05 10:00:00"), 1, 45, "NO ANSWER", "a queue answered, nobody picked up: billsec 45, free",
        come_from="PJSIP/trunk", to="Local/queue", app="Queue", account="")
    out("202", "004310000555", at("10-05 10:10:00"), 20, 33, "NO ANSWER", "NO ANSWER with billsec on the trunk: it contradicts itself")
    out("202", "004310000556", at("10-05 10:20:00"), 20, 0, "ANSWERED", "ANSWERED with billsec 0: free")
    out("203", "015228895456", at("10-06 09:00:00"), 8, 4000, "ANSWERED",
        "the mobile allowance (3600 s, or what is left of it) ends in the call, the other one goes on")
    row = out("204", "004684650040", at("10-06 11:00:00"), 8, 100)
    repeat(row, at("10-06 11:30:00"), "the same line again")
    row = out("204", "004684650041", at("10-06 12:00:00"), 8, 100)
    repeat(row, at("10-06 12:10:00"), "a second answered leg to the same number under the same uniqueid",
           row["line"].replace(b"12:01:48", b"12:03:48").replace(b",108,100,", b",228,220,"))
    moment = at("10-06 13:00:00")
    row = out("201", "0033199001234", moment, 8, 60)
    out("201", "0031200000321", moment + 90000, 8, 120, "ANSWERED", "another number under the same uniqueid: both are charged",
        unique=row["unique"])
    out("202", "112", at("10-07 09:00:00"), 3, 60, "ANSWERED", "emergency: free")
    out("202", "11880", at("10-07 09:10:00"), 3, 60, "ANSWERED", "directory enquiries by DE:118")
    out("202", "*98", at("10-07 09:20:00"), 3, 60, "ANSWERED", "a feature code sent to the trunk")
    leg("202", "*97", at("10-07 09:30:00"), 0, 20, "ANSWERED", "voicemail, inside the exchange: free", app="VoiceMail")
    out("205", "0031200000322", at("10-07 10:00:00"), 5, 60, "ANSWERED", "an accountcode and a caller that nobody knows", account="C-4004")
    out("06990009101", "0031200000323", at("10-07 10:10:00"), 5, 60, "ANSWERED", "the accountcode is wrong, the caller's line decides",
        account="C-4004")
    out("06990009100", "0031200000324", at("10-07 10:20:00"), 5, 60, "ANSWERED", "no accountcode: the caller's line decides", account="")
    out("201", "0085021234567", at("10-07 10:30:00"), 5, 60, "ANSWERED", "no rate for this destination")
    out("201", "00881612345678", at("10-07 10:40:00"), 5, 60, "ANSWERED", "a blocked destination")
    out("201", "0031200000325", at("10-07 10:50:00"), 5, 60, "ANSWERED", "negative billsec", billsec=-60)
    out("203", "0031200000326", at("10-07 11:00:00"), 5, 61, "ANSWERED", "quotes and commas in the caller's name", name='Büro "Nord", Lager')
    out("203", "0031200000329", at("10-25 02:57:55"), 5, 300, "ANSWERED",
        "across the clock change: 02:58:00 to 02:03:00 on the wall, 300 s long; the uniqueid tells the hour")
    out("203", "0031200000330", at("10-25 02:30:00", fold=1), 5, 60, "ANSWERED", "in the second 02:30 of the night")
    row = out("203", "0031200000327", at("10-26 11:00:00"), 5, 60, name="Mueller")
    row["line"] = row["line"].replace(b"Mueller", b"M\xfcller")
    row["note"] = "the caller's name in Latin-1: nobody reads it"
    row = out("203", "0031200000328", at("10-26 11:10:00"), 5, 60)
    row["line"] = b",".join(row["line"].split(b",")[:-3])
    row["note"] = "columns are missing"
    out("201", "00302100000999", at("10-31 23:59:59"), 4, 90, "ANSWERED", "answered at 00:00:03 on the 1st: period 2026-11")
    rows.sort(key=lambda row: row["at"])
    notes = [(str(place), row["note"]) for place, row in enumerate(rows, 1) if row["note"]]
    notes.append((str(len(rows)), "whole, but without a newline at the end of the file"))
    return b"\n".join(row["line"] for row in rows), notes


def main():
    table = []
    for name, make in (("switch-a.csv", switch_a), ("switch-b.ndjson", switch_b), ("pbx.csv", pbx)):
        body, notes = make()
        (HERE / "cdrs" / name).write_bytes(body)
        table += [f"\n### cdrs/{name}\n\n| line | what |\n|---|---|\n"]
        table += [f"| {line} | {note} |\n" for line, note in notes]
    readme = HERE / "README.md"
    head, _, _ = readme.read_text(encoding="utf-8").partition("<!-- warts -->")
    readme.write_text(head + "<!-- warts -->\n" + "".join(table), encoding="utf-8")


if __name__ == "__main__":
    main()
