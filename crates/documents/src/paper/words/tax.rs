//! What is a country's tax on what is sold called, and the identifier that a business has for it?

use calculation::invoice::{Language, Party};

use super::{Words, fill};

/// A tax and the identifier of those who owe it, in English and in German.
struct Name {
    countries: &'static [&'static str],
    tax: [&'static str; 2],
    identifier: [&'static str; 2],
}

/// Where it is not called value added tax, or not so in German.
const NAMES: [Name; 9] = [
    Name { countries: &["US"], tax: ["Sales tax", "Sales Tax"], identifier: ["Tax ID", "Tax ID"] },
    Name { countries: &["AU"], tax: ["GST"; 2], identifier: ["ABN"; 2] },
    Name { countries: &["NZ"], tax: ["GST"; 2], identifier: ["GST number", "GST-Nummer"] },
    Name { countries: &["IN"], tax: ["GST"; 2], identifier: ["GSTIN"; 2] },
    Name { countries: &["SG"], tax: ["GST"; 2], identifier: ["GST reg. no.", "GST-Nummer"] },
    Name { countries: &["CA"], tax: ["GST/HST"; 2], identifier: ["GST/HST number", "GST/HST-Nummer"] },
    Name {
        countries: &["JP"],
        tax: ["Consumption tax", "Verbrauchsteuer"],
        identifier: ["Tax ID", "Steuernummer"],
    },
    Name { countries: &["CH", "LI"], tax: ["VAT", "MwSt."], identifier: ["VAT ID", "MwSt-Nr."] },
    Name { countries: &["LU"], tax: ["VAT", "MwSt."], identifier: ["VAT ID", "USt-IdNr."] },
];

const ELSEWHERE: Name = Name { countries: &[], tax: ["VAT", "USt."], identifier: ["VAT ID", "USt-IdNr."] };

fn of(country: &str) -> &'static Name {
    NAMES.iter().find(|name| name.countries.contains(&country)).unwrap_or(&ELSEWHERE)
}

impl Words {
    fn in_language(&self, names: &[&'static str; 2]) -> &'static str {
        let [english, german] = names;
        match self.language {
            Language::En => english,
            Language::De => german,
        }
    }

    /// What the tax of a country is called.
    pub(super) fn tax(&self, country: &str) -> &'static str {
        self.in_language(&of(country).tax)
    }

    /// The name of a tax in a text, whose `{tax}` it takes.
    pub(in crate::paper) fn of_tax(&self, text: &str, country: &str) -> String {
        fill(text, &[("{tax}", self.tax(country))])
    }

    /// `VAT ID DE123456789`, as the party's country calls it.
    pub(in crate::paper) fn identifier(&self, party: &Party) -> Option<String> {
        let name = self.in_language(&of(&party.country).identifier);
        let identifier = party.vat_id.as_ref().map(|id| fill(self.id_of, &[("{name}", name), ("{id}", id)]));
        identifier.or_else(|| party.tax_number.as_ref().map(|id| fill(self.tax_number, &[("{id}", id)])))
    }

    /// `Your VAT ID`.
    pub(in crate::paper) fn your_identifier(&self, country: &str) -> String {
        fill(self.your_id, &[("{name}", self.in_language(&of(country).identifier))])
    }
}

#[cfg(test)]
mod tests {
    use super::super::{de, en};

    #[test]
    fn a_tax_is_called_what_its_country_calls_it() {
        for (country, english, german) in [
            ("US", "Sales tax", "Sales Tax"),
            ("AU", "GST", "GST"),
            ("CH", "VAT", "MwSt."),
            ("DE", "VAT", "USt."),
            ("GB", "VAT", "USt."),
            ("", "VAT", "USt."),
        ] {
            assert_eq!((en::WORDS.tax(country), de::WORDS.tax(country)), (english, german), "{country}");
        }
    }
}
