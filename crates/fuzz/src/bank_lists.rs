//! Is a bank's list of payments read line by line, and a wrong line named?

use csv::StringRecord;
use tollbook::payments::Layout;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let delimiter = tollbook::payments::delimiter(text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let Ok(layout) = Layout::of_header(&header) else { return };
    for record in reader.records().filter_map(Result::ok) {
        line(&layout, &record);
    }
}

fn line(layout: &Layout, record: &StringRecord) {
    if let Err(refusal) = layout.read(record) {
        assert!(refusal.contains(": ") || refusal.contains("says who paid"), "{refusal}");
    }
}
