//! How long do the hot paths take?

fn main() {
    divan::main();
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
