//! Do two names mean the same thing, and do they look the same to a reader?
//!
//! What is one name to a person is one here: blanks at its ends do not count, a run of them is one, no-break ones too, and letters
//! are compared as Unicode composes them (NFC). What only looks alike is another name; whoever gives it is told.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// A name as it is stored and compared.
pub fn folded(name: &str) -> String {
    let composed: String = name.nfc().collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The other forms in which a name may be stored from before names were folded.
pub fn earlier_forms(name: &str) -> Vec<String> {
    let blanks_folded = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut forms = vec![name.to_owned(), name.trim().to_owned(), blanks_folded];
    forms.dedup();
    let folded = folded(name);
    forms.retain(|form| *form != folded);
    forms
}

/// What names have in common that look alike: letters of other scripts, `0` and `O`, `1`, `l` and `I`, capitals and small letters.
pub fn look(name: &str) -> String {
    let small = |text: &str| skeleton(text).collect::<String>().to_lowercase();
    // A capital and its small letter may look like different letters.
    small(&small(&folded(name))).replace('i', "l")
}

/// The form under which a name is known, or is to be: that of the thing that has it, which may be from before names were folded.
pub fn known_as<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let folded = folded(name);
    let same: Vec<_> =
        known.into_iter().filter(|known| *known == name || self::folded(known) == folded).collect();
    let exactly = [name, &folded].into_iter().find(|form| same.contains(form));
    exactly.or(same.first().copied()).map_or(folded.clone(), str::to_owned)
}

/// The first of some names that looks like another one and is not it.
pub fn look_alike<'n>(name: &str, others: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let (folded, look) = (folded(name), look(name));
    let mut others = others.into_iter();
    others.find(|other| self::look(other) == look && self::folded(other) != folded).map(str::to_owned)
}

/// What whoever gave a name is told of another one that looks like it.
pub fn warning(what: &str, other: &str) -> String {
    format!("{what} looks like another, `{other}`: make sure that both are meant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_folded_letters_composed_and_nothing_else() {
        for (name, expected) in [
            ("A 1", "A 1"),
            (" A  1 ", "A 1"),
            ("A\u{a0}1", "A 1"),
            ("A\u{202f}\u{2007} 1\u{3000}", "A 1"),
            ("Mu\u{308}ller", "M\u{fc}ller"),
            ("a 1", "a 1"),
            ("A1", "A1"),
            ("A-1", "A-1"),
        ] {
            assert_eq!(folded(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_name_may_be_stored_as_it_was_given_or_trimmed() {
        assert_eq!(earlier_forms("A 1"), [""; 0]);
        assert_eq!(earlier_forms(" A 1"), [" A 1"]);
        assert_eq!(earlier_forms(" A  1"), [" A  1", "A  1"]);
        assert_eq!(earlier_forms("u\u{308}  1"), ["u\u{308}  1", "u\u{308} 1"]);
    }

    #[test]
    fn look_alikes_look_alike() {
        for (one, other) in [
            ("C-1001", "c-1001"),
            ("C-1001", "\u{421}-1001"),
            ("C-1001", "C-1OO1"),
            ("C-1001", "C-l00I"),
            ("Mill 1", "mi11  i"),
            ("P-1", "\u{420}-1"),
            ("Alpha", "\u{391}lpha"),
            ("MAIN", "main"),
        ] {
            assert_eq!(look(one), look(other), "{one} {other}");
            assert_eq!(look_alike(one, [other]), Some(other.to_owned()));
        }
        for (one, other) in [("C-1001", "C-1002"), ("A 1", "A1"), ("North", "South")] {
            assert_ne!(look(one), look(other), "{one} {other}");
        }
        assert_eq!(look_alike(" A  1", ["A 1"]), None, "it is the same name");
    }

    #[test]
    fn a_name_is_known_in_the_form_of_the_thing_that_has_it() {
        for (name, known, expected) in [
            (" A  1", vec!["B"], "A 1"),
            (" A  1", vec!["A 1"], "A 1"),
            ("A 1", vec!["A  1"], "A  1"),
            ("A  1", vec!["A 1", "A  1"], "A  1"),
            ("A   1", vec!["A  1", "A 1"], "A 1"),
        ] {
            assert_eq!(known_as(name, known.iter().copied()), expected, "{name} {known:?}");
        }
    }
}
