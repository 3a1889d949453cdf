//! Is every electronic invoice one that others accept, and exactly right?

use tollbook::invoices::{einvoice, file};
use crate::support::{sample, arithmetic};

#[test]
fn dump() {
    for (name, invoice) in sample::all() {
        let dir = std::path::Path::new("/tmp/xml/out");
        std::fs::create_dir_all(dir).unwrap();
        match einvoice::cii(&invoice) { Ok(x) => { println!("{name} {:?}", arithmetic::faults(&x, invoice.currency.minor_digits().into()));std::fs::write(dir.join(format!("{name}.cii.xml")), x).unwrap()}, Err(e) => println!("{name} cii {e}")}
        match einvoice::ubl(&invoice) { Ok(x) => { println!("{name} {:?}", arithmetic::faults(&x, invoice.currency.minor_digits().into()));std::fs::write(dir.join(format!("{name}.ubl.xml")), x).unwrap()}, Err(e) => println!("{name} ubl {e}")}
        std::fs::write(dir.join(format!("{name}.pdf")), file::pdf(&invoice).unwrap()).unwrap();
    }
}
