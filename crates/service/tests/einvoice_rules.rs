//! Do the official rules accept every electronic invoice, and refuse what is broken?
//!
//! `scripts/check_einvoice.py` runs them. Its Python packages are put into a virtual environment by `./test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use calculation::invoice::Invoice;
use documents::einvoice;

use crate::support::arithmetic;
use crate::support::python::python;
use crate::support::sample;

/// What the check said, and whether it succeeded.
pub(crate) struct Verdict {
    pub(crate) accepted: bool,
    pub(crate) said: String,
}

fn check(command: &[&str], files: &[PathBuf]) -> Verdict {
    let output = Command::new(python()).args(command).args(files).output().expect("Python runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("the check says text");
    Verdict { accepted: output.status.success(), said }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_einvoice.py")
}

pub(crate) fn check_files(files: &[PathBuf]) -> Verdict {
    check(&[script().to_str().expect("the path is text")], files)
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("the file is written");
    path
}

#[test]
fn the_official_rules_accept_every_sample() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    let mut kinds = Vec::new();
    for (name, invoice) in sample::all() {
        files.push(write(folder.path(), &format!("{name}.cii.xml"), sample::cii(&invoice).expect(name)));
        files.push(write(folder.path(), &format!("{name}.ubl.xml"), sample::ubl(&invoice).expect(name)));
        files.push(write(folder.path(), &format!("{name}.pdf"), sample::draw(&invoice).expect(name)));
        kinds.extend(["CII", "UBL", "factur-x.xml in a PDF, CII"]);
    }
    for (name, drawing) in sample::settled() {
        files.push(write(folder.path(), &format!("{name}.cii.xml"), einvoice::cii(&drawing).expect(name)));
        files.push(write(folder.path(), &format!("{name}.ubl.xml"), einvoice::ubl(&drawing).expect(name)));
        kinds.extend(["CII", "UBL"]);
    }
    assert!(files.len() >= 60);
    let verdict = check_files(&files);
    assert!(verdict.accepted, "{}", verdict.said);
    let said: Vec<_> = verdict.said.lines().collect();
    assert_eq!(said.len(), files.len(), "{}", verdict.said);
    for ((file, kind), line) in files.iter().zip(kinds).zip(said) {
        assert!(line.starts_with(&format!("{}: ok, {kind}, ", file.display())), "{line}");
    }
}

#[test]
fn a_broken_file_fails_the_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let invoice = sample::standard();
    let (cii, ubl) = (sample::cii(&invoice).unwrap(), sample::ubl(&invoice).unwrap());
    let changed = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replace(from, to)
    };
    let gross = invoice.gross.to_string();
    let due = |open: &str| format!("{open}{gross}<");
    let cases = [
        (
            "cii_sum.xml",
            changed(&cii, &due("<ram:DuePayableAmount>"), "<ram:DuePayableAmount>1.00<"),
            "BR-CO-16",
        ),
        (
            "ubl_sum.xml",
            changed(
                &ubl,
                &due("<cbc:PayableAmount currencyID=\"EUR\">"),
                "<cbc:PayableAmount currencyID=\"EUR\">1.00<",
            ),
            "BR-CO-16",
        ),
        ("cii_code.xml", changed(&cii, "unitCode=\"C62\"", "unitCode=\"minutes\""), "@unitCode"),
        (
            "ubl_code.xml",
            changed(&ubl, "<cbc:DocumentCurrencyCode>EUR", "<cbc:DocumentCurrencyCode>EUX"),
            "BR-CL-04",
        ),
        ("cii_schema.xml", changed(&cii, "ram:DuePayableAmount>", "ram:Due>"), "Due"),
        ("ubl_schema.xml", changed(&ubl, "cbc:PayableAmount", "cbc:Payable"), "Payable"),
        ("no_invoice.xml", "<invoice/>".to_owned(), "no electronic invoice"),
        ("no_xml.xml", "EUR 12".to_owned(), "Start tag expected"),
    ];
    let unnumbered = sample::draw(&Invoice { number: None, ..invoice }).unwrap();
    let mut files = vec![write(folder.path(), "good.xml", &cii)];
    files.extend(cases.iter().map(|(name, content, _)| write(folder.path(), name, content)));
    files.extend([write(folder.path(), "alone.pdf", unnumbered), folder.path().join("nowhere.xml")]);
    let verdict = check_files(&files);
    assert!(!verdict.accepted, "{}", verdict.said);
    assert_eq!(verdict.said.matches("xml: ok, ").count(), 1, "{}", verdict.said);
    assert_eq!(verdict.said.matches(": WRONG, ").count(), files.len() - 1, "{}", verdict.said);
    let reasons = cases.iter().map(|(name, _, reason)| (*name, *reason));
    for (name, reason) in reasons.chain([("alone.pdf", "no XML in the PDF"), ("nowhere.xml", "No such file")])
    {
        let said = verdict.said.split_once(&format!("{name}: WRONG, ")).expect(name).1;
        let said = said.split(": WRONG, ").next().unwrap_or_default();
        assert!(said.contains(reason), "{name}: {said}");
    }
    assert!(!check_files(&[]).accepted);
    assert!(!check_files(&files[1..2]).accepted);
}

#[test]
fn a_check_by_the_wrong_rules_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let invoice = sample::standard();
    let files = [
        write(folder.path(), "cii.xml", sample::cii(&invoice).unwrap()),
        write(folder.path(), "ubl.xml", sample::ubl(&invoice).unwrap()),
    ];
    let scripts = script().parent().expect("the script lies in a folder").to_owned();
    let exchanged = format!(
        "import sys; sys.path.insert(0, {scripts:?})\nimport check_einvoice as check\n\
         rules = check.STYLESHEETS\nrules['CII'], rules['UBL'] = rules['UBL'], rules['CII']\n\
         sys.exit(check.main(sys.argv[1:]))"
    );
    let verdict = check(&["-B", "-c", &exchanged], &files);
    assert!(!verdict.accepted, "{}", verdict.said);
    assert_eq!(verdict.said.matches("no rule met the totals").count(), 2, "{}", verdict.said);
}

/// One cent more tax, in every sum that holds it.
fn a_cent_more(xml: &str, invoice: &Invoice) -> String {
    let cent = "0.01".parse().unwrap();
    let more = |amount: calculation::money::Amount| amount.checked_add(cent).unwrap().to_string();
    let changed = xml.replace(&format!(">{}<", invoice.tax), &format!(">{}<", more(invoice.tax)));
    changed.replace(&format!(">{}<", invoice.gross), &format!(">{}<", more(invoice.gross)))
}

#[test]
fn tax_that_is_a_cent_wrong_passes_the_official_rules_but_not_ours() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let invoice = sample::standard();
    let mut files = Vec::new();
    for (name, xml) in [("cii.xml", sample::cii(&invoice)), ("ubl.xml", sample::ubl(&invoice))] {
        let right = xml.unwrap();
        assert_eq!(arithmetic::faults(&right, 2), Vec::<String>::new());
        let wrong = a_cent_more(&right, &invoice);
        // 19 % of 10.13 is 1.9247.
        assert_eq!(arithmetic::faults(&wrong, 2), ["BR-CO-17: 193 is stated, 192 computed, in hundredths"]);
        files.push(write(folder.path(), name, wrong));
    }
    let verdict = check_files(&files);
    assert!(verdict.accepted, "the official rules have become exact: {}", verdict.said);
}
