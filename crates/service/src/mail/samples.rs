//! What templates are tried on when the program starts: every kind of mail, with and without what may be absent.

use calculation::invoice::Party;

use super::facts::{
    Addressee, CorrectionFacts, DocumentFacts, Facts, LinkFacts, LowBalanceFacts, Matter, OverdueFacts,
    ReminderFacts, SettledFacts, SpendingFacts,
};

/// Facts that lead through every branch a template can have.
pub(super) fn all() -> Vec<Facts> {
    let mut all = Vec::new();
    for plain in [true, false] {
        for matter in matters(plain) {
            let customer = Addressee { name: "Anna Brandt".into(), reference: "C-1001".into() };
            all.push(Facts { operator: operator(plain), customer, matter });
        }
    }
    all
}

fn matters(plain: bool) -> Vec<Matter> {
    let document = document(plain);
    let reminder = |step| {
        let overdue = OverdueFacts { document: document.clone(), days_overdue: 8 };
        let invoices = if plain { vec![overdue.clone()] } else { vec![overdue.clone(), overdue] };
        let suspends_on = (step == 2 && !plain).then(|| "20 December 2026".into());
        let (last, suspended, open) = (step > 2, step > 3, "20.00 EUR".into());
        Matter::Reminder(ReminderFacts { step, last, open, suspends_on, suspended, invoices })
    };
    let spending = |percent| {
        let (first_day, last_day) = (document.first_day.clone(), document.last_day.clone());
        let (used, cap) = ("80.00 EUR".into(), "100.00 EUR".into());
        Matter::SpendingNotice(SpendingFacts { percent, used, cap, first_day, last_day })
    };
    let corrects = Some(CorrectionFacts {
        number: "INV-2026-000001".into(),
        issued_on: "1 November 2026".into(),
        reason: "A call was charged twice".into(),
        sentence: "Corrects invoice INV-2026-000001 of 1 November 2026".into(),
    });
    let credit_note = DocumentFacts { corrects: corrects.filter(|_| !plain), ..document.clone() };
    let mut matters = vec![Matter::Invoice(document.clone()), Matter::CreditNote(credit_note)];
    matters.extend((1..=4).map(reminder));
    matters.extend([50, 80, 100].map(spending));
    let (available, below) = ("1.50 EUR".into(), "5.00 EUR".into());
    matters.push(Matter::LowBalance(LowBalanceFacts { available, below }));
    matters
}

fn operator(plain: bool) -> Party {
    let operator = Party { name: "Harbour Telecom GmbH".into(), country: "DE".into(), ..Party::default() };
    if plain {
        return operator;
    }
    Party {
        street: "Kaiserkai 0".into(),
        postcode: "20457".into(),
        city: "Hamburg".into(),
        vat_id: Some("DE129273398".into()),
        email: Some("billing@example.org".into()),
        phone: Some("+49 40 0".into()),
        iban: Some("DE02120300000000202051".into()),
        ..operator
    }
}

fn document(plain: bool) -> DocumentFacts {
    let url = "https://bill.example.org/d/token".into();
    let link = LinkFacts { url, last_day: "1 December 2026".into() };
    let settled = [SettledFacts { what: "Paid on 2 November 2026".into(), amount: "3.00 EUR".into() }];
    DocumentFacts {
        number: "INV-2026-000002".into(),
        issued_on: "1 November 2026".into(),
        due_on: "15 November 2026".into(),
        first_day: "1 October 2026".into(),
        last_day: "31 October 2026".into(),
        net: "8.40 EUR".into(),
        tax: "1.60 EUR".into(),
        gross: "10.00 EUR".into(),
        open: "7.00 EUR".into(),
        to_pay: !plain,
        settled: settled.into_iter().filter(|_| !plain).collect(),
        standing: if plain { vec!["Nothing is to be paid.".into()] } else { Vec::new() },
        corrects: None,
        link: (!plain).then_some(link),
    }
}
