//! Are wrong settings and broken templates refused when the program starts, by their names?

use std::path::Path;

use tollbook::config::Config;
use tollbook::mail::Mailer;

/// Why the program does not start under settings.
fn refusal(settings: &str) -> String {
    let opened = Config::from_toml(settings).and_then(|config| Mailer::open(&config));
    opened.err().unwrap_or_else(|| panic!("this was accepted: {settings}")).to_string()
}

fn assert_refused(settings: &str, parts: &[&str]) {
    let message = refusal(settings);
    assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} should be in: {message}");
}

fn assert_accepted(settings: &str) {
    let opened = Config::from_toml(settings).and_then(|config| Mailer::open(&config));
    assert!(opened.is_ok(), "{settings}: {:?}", opened.err());
}

const SMTP: &str = "[mail]\ntransport = \"smtp\"\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\n";

#[test]
fn a_wrong_setting_of_mail_is_named() {
    for (settings, parts) in [
        ("[mail]\ntransport = \"pigeon\"", &["pigeon", "transport"][..]),
        ("[mail]\ntls = \"ssl\"", &["ssl", "tls"]),
        ("[mail]\nsmtp = true", &["smtp"]),
        ("[mail]\nfrom = \"nobody\"", &["mail.from", "`nobody`"]),
        ("[mail]\nfrom = \"ä@example.org\"", &["mail.from", "ASCII"]),
        ("[operator]\nemail = \"a b\"", &["operator.email", "`a b`"]),
        ("[mail]\ntransport = \"smtp\"\nhost = \"mail.example.org\"", &["mail.from"]),
        ("[mail]\ntransport = \"smtp\"\nfrom = \"a@example.org\"", &["mail.host"]),
        (&format!("{SMTP}timeout_seconds = 0"), &["mail.timeout_seconds", "1 to 300"]),
        (&format!("{SMTP}timeout_seconds = 301"), &["mail.timeout_seconds", "1 to 300"]),
        (&format!("{SMTP}port = 70000"), &["port"]),
        (&format!("{SMTP}bcc = \"archive\""), &["mail.bcc", "`archive`"]),
        (&format!("{SMTP}user = \"a\""), &["mail.password_file"]),
        (&format!("{SMTP}password_file = \"a\""), &["mail.user"]),
        (
            &format!("{SMTP}user = \"a\"\npassword_file = \"/no/such/file\""),
            &["mail.password_file", "/no/such/file"],
        ),
        (&format!("{SMTP}user = \"a\"\npassword_file = \"p\"\ntls = \"none\""), &["mail.tls", "password"]),
        (&format!("{SMTP}ca_file = \"/no/such/file\""), &["mail.ca_file", "/no/such/file"]),
        (&format!("{SMTP}ca_file = \"Cargo.toml\""), &["mail.ca_file", "no certificate"]),
    ] {
        assert_refused(settings, parts);
    }
    assert_accepted(SMTP);
    assert_accepted(
        "[operator]\nemail = \"billing@example.org\"\n[mail]\ntransport = \"smtp\"\nhost = \"::1\"",
    );
    assert_accepted("[mail]\nfrom = '\"Harbour, Billing\" <a@example.org>'");
}

#[test]
fn an_empty_password_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let settings = format!("{SMTP}user = \"a\"\npassword_file = \"{}\"", file.display());
    std::fs::write(&file, "\n").unwrap();
    assert_refused(&settings, &["mail.password_file", "empty"]);
    std::fs::write(&file, "secret\n").unwrap();
    assert_accepted(&settings);
}

#[test]
fn an_authority_is_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for body in ["%%%%", "AAAA"] {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        std::fs::write(&file, pem).unwrap();
        assert_refused(&format!("{SMTP}ca_file = \"{}\"", file.display()), &["mail.ca_file", "ca.pem"]);
    }
}

#[test]
fn links_need_an_address_and_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let secret = format!("secret_file = \"{}\"\n", file.display());
    let link = "[delivery]\ninvoices = \"link\"\n";
    let url = "public_url = \"https://bill.example.org\"\n";
    std::fs::write(&file, "too short\n").unwrap();
    assert_refused(&format!("{link}{url}{secret}"), &["delivery.secret_file", "shorter"]);
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
    assert_accepted(&format!("{link}{url}{secret}"));
    assert_accepted(&format!("{link}public_url = \"http://localhost:8080\"\n{secret}"));
    assert_refused(&format!("{link}{url}"), &["delivery.secret_file", "missing"]);
    assert_refused(&format!("{link}{secret}"), &["delivery.public_url", "missing"]);
    assert_refused(
        &format!("{link}public_url = \"http://bill.example.org\"\n{secret}"),
        &["delivery.public_url", "https"],
    );
    assert_refused(&format!("{link}{url}{secret}link_days = 0"), &["delivery.link_days"]);
    assert_refused("[delivery]\ninvoices = \"fax\"", &["fax"]);
}

fn templates(folder: &Path) -> String {
    format!("[mail]\ntemplates = \"{}\"", folder.display())
}

#[test]
fn a_broken_template_is_refused_by_file_and_line() {
    let layout = "{% extends \"layout.html\" %}\n{% block content %}\n";
    for (name, content, parts) in [
        (
            "invoice.en.txt",
            "Subject: {{ number }}\n\n{% if to_pay %}\n",
            &["invoice.en.txt line 3", "syntax"][..],
        ),
        (
            "invoice.de.txt",
            "Subject: {{ number }}\n\n\n{{ nubmer }}\n",
            &["invoice.de.txt line 4", "undefined", "{{ nubmer }}"],
        ),
        // In a branch that only some invoices take.
        (
            "invoice.en.html",
            &format!("{layout}{{% if link %}}\n{{{{ link.adress }}}}\n{{% endif %}}{{% endblock %}}"),
            &["invoice.en.html line 4", "link.adress"],
        ),
        (
            "reminder.en.html",
            &format!("{layout}{{% if step == 3 %}}{{{{ stpe }}}}{{% endif %}}{{% endblock %}}"),
            &["reminder.en.html line 3", "stpe"],
        ),
        ("spending_notice.de.html", "{{ used|currency }}", &["spending_notice.de.html line 1", "currency"]),
        ("layout.html", "<html>\n{{ operator.naem }}\n</html>", &["layout.html line 2", "operator.naem"]),
        (
            "credit_note.en.html",
            "{% extends \"frame.html\" %}",
            &["credit_note.en.html line 1", "frame.html"],
        ),
        ("reminder.de.txt", "Guten Tag", &["reminder.de.txt line 1", "Subject: ", "Guten Tag"]),
        ("reminder.en.txt", "Subject: {{ '' }}\n\nHello", &["reminder.en.txt line 1", "Subject: "]),
        ("invioce.en.txt", "Subject: Invoice\n", &["invioce.en.txt", "no template", "invoice.en.txt"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        assert_refused(&templates(folder.path()), parts);
        assert_refused(&templates(folder.path()), &["mail.templates", folder.path().to_str().unwrap()]);
    }
}

#[test]
fn a_template_that_is_no_text_or_no_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("invoice.en.txt"), b"Subject: \xff\n").unwrap();
    assert_refused(&templates(folder.path()), &["mail.templates", "invoice.en.txt", "UTF-8"]);
    assert_refused(&templates(&folder.path().join("none")), &["mail.templates", "none"]);
}

#[test]
fn what_lies_beside_the_templates_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("README.md"), "{{ broken").unwrap();
    std::fs::write(folder.path().join("invoice.en.txt~"), "{{ broken").unwrap();
    assert_accepted(&templates(folder.path()));
}
