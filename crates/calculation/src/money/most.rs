//! What is the largest charge that still rounds to an amount?

use super::{Amount, EXACT_PER_MICRO, Exact, MICROS_A_STEP, Rounding, RoundingMode};

impl Exact {
    /// The largest sum that is rounded to at most `amount`, which may have more digits than the rule keeps;
    /// nothing for an amount below zero.
    ///
    /// ```
    /// use calculation::money::{Amount, Exact, Rounding, RoundingMode};
    /// let cents = Rounding::new(2, RoundingMode::HalfUp)?;
    /// let most = Exact::most_within("1.239".parse()?, cents).unwrap();
    /// assert_eq!(most.round(cents), Some("1.23".parse()?)); // 1.23499…
    /// assert_eq!(Exact::from_units(most.units() + 1).round(cents), Some("1.24".parse()?)); // 1.235
    /// # Ok::<(), calculation::money::MoneyError>(())
    /// ```
    pub fn most_within(amount: Amount, rounding: Rounding) -> Option<Self> {
        if amount < Amount::ZERO {
            return None;
        }
        let micros_a_step = MICROS_A_STEP.get(usize::from(rounding.digits))?;
        let step = i128::from(micros_a_step.checked_mul(EXACT_PER_MICRO)?);
        let whole = i128::from(amount.0.checked_div(*micros_a_step)?);
        let half = step.checked_div(2)?;
        // How far above whole steps a sum may lie and still come down to them.
        let above = match rounding.mode {
            RoundingMode::Up => 0,
            RoundingMode::Down => step.checked_sub(1)?,
            RoundingMode::HalfUp => half.checked_sub(1)?,
            // A half comes down to an even step only.
            RoundingMode::HalfEven => half.checked_sub(whole.checked_rem(2)?)?,
        };
        whole.checked_mul(step)?.checked_add(above).map(Self)
    }
}
