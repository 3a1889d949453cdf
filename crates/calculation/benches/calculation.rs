//! How long do the hot paths take?

fn main() {
    divan::main();
}

mod cdr {
    use calculation::cdr::{Feed, Format, Reader};
    use divan::{Bencher, black_box};

    const HEADER: &[u8] = b"record_id,call_id,account_ref,direction,calling_number,called_number,start_time,answer_time,end_time,duration,billsec,disposition";
    const LINE: &[u8] = b"1792888199.7-000001,1792888199.7,K-10007,outbound,+4930123456,+442079460000,2026-03-01T12:00:00.125+01:00,2026-03-01T12:00:05.5+01:00,2026-03-01T12:01:05.5+01:00,65.375,60,ANSWERED";
    const MASTER: &[u8] = br#""K7","11","0170123","x","""Ann"" <11>","SIP/11-1","PJSIP/carrier-2","Dial","","2026-07-01 12:00:00","2026-07-01 12:00:05","2026-07-01 12:00:20",20,15,"ANSWERED","DOCUMENTATION","1782900000.7","vip","","1782900000.6",3"#;
    const JSON: &[u8] = br#"{"record_id":"1792888199.7-000001","call_id":"1792888199.7","account_ref":"K-10007","direction":"outbound","calling_number":"+4930123456","called_number":"+442079460000","start_time":"2026-03-01T12:00:00.125+01:00","answer_time":"2026-03-01T12:00:05.5+01:00","end_time":"2026-03-01T12:01:05.5+01:00","duration":65.375,"billsec":60,"disposition":"ANSWERED"}"#;

    fn read(bencher: Bencher, format: Format, first_line: &[u8], line: &[u8]) {
        let (reader, _) = Reader::new(Feed::new(format), first_line).expect("the header is right");
        bencher.bench_local(|| reader.read(black_box(line)).expect("the line is right"));
    }

    #[divan::bench]
    fn canonical_csv_of_12_columns(bencher: Bencher) {
        read(bencher, Format::Canonical, HEADER, LINE);
    }

    #[divan::bench]
    fn canonical_ndjson_of_12_keys(bencher: Bencher) {
        read(bencher, Format::CanonicalNdjson, JSON, JSON);
    }

    #[divan::bench]
    fn asterisk_master_of_21_columns(bencher: Bencher) {
        read(bencher, Format::AsteriskMaster, MASTER, MASTER);
    }
}

mod phone_number {
    use calculation::phone_number::{E164, dialled};
    use calculation::zone::zone_of;
    use divan::{Bencher, black_box};

    /// A number with `+`, as most feeds write it: no allocation, no regular expression.
    #[divan::bench]
    fn dialled_with_plus(bencher: Bencher) {
        let germany = "DE".parse().ok();
        bencher.bench_local(|| dialled(black_box("+49301234567"), black_box(germany)));
    }

    /// A number in national form, which the region's plan must interpret.
    #[divan::bench]
    fn dialled_nationally(bencher: Bencher) {
        let germany = "DE".parse().ok();
        bencher.bench_local(|| dialled(black_box("030 1234567"), black_box(germany)));
    }

    /// The digits of a number from the left, as a prefix search takes them.
    #[divan::bench]
    fn leading_digits(bencher: Bencher) {
        let number: E164 = "+49301234567".parse().expect("it is a number");
        bencher.bench_local(|| black_box(number).leading_digits().fold(0, |all, digit| all ^ digit));
    }

    /// The zone of a new customer.
    #[divan::bench]
    fn zone_of_a_number(bencher: Bencher) {
        let number: E164 = "+12125550123".parse().expect("it is a number");
        bencher.bench_local(|| zone_of(black_box(number)));
    }
}
