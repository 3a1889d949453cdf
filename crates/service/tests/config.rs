//! Does `tollbook config check` tell what is in force and all that is wrong, and no secret?

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Engine;

/// Runs the program in a folder; answers whether it ended well, and what it said.
fn run(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    let output =
        command.current_dir(folder).envs(variables.iter().copied()).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("it speaks text"))
}

fn secret(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn it_shows_every_setting_and_who_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("t.toml"), "\n[invoices]\nseries = \"A\"\n[jobs]\nevery_seconds = 1\n").unwrap();
    let variables = [("TOLLBOOK__JOBS__EVERY_SECONDS", "2"), ("TOLLBOOK__MAIL__USER", "billing")];
    let arguments = ["config", "check", "--config", "t.toml", "--set", "http.listen=[::1]:80"];
    let (_, said) = run(path, &variables, &arguments);
    for line in [
        "invoices.series = \"A\"  (t.toml line 3)",
        "jobs.every_seconds = 2  (TOLLBOOK__JOBS__EVERY_SECONDS)",
        "http.listen = \"[::1]:80\"  (--set)",
        "invoices.payment_days = 14  (default)",
        "mail.host = \"\"  (default)",
        "mail.bcc is not set",
        "database sqlite://tollbook.db: there is no such file yet: the first command makes it",
        "nothing is wrong",
        "note: prepaid.voucher_key_file is not set: who reads the database could try all codes of vouchers",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    assert!(!path.join("tollbook.db").exists(), "it made a database");
    let (well, said) = run(path, &[], &["config", "check", "--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert!(well && found["faults"].as_array().unwrap().is_empty(), "{said}");
    assert!(found["settings"].as_array().unwrap().len() > 50, "{said}");
}

#[test]
fn it_tells_all_that_is_wrong_and_so_does_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let text = "[http]\nlisten = 80\nport = 80\nproxies = [\"here\"]\n[invoices]\nseries = \"a-b\"\n";
    std::fs::write(path.join("t.toml"), text).unwrap();
    let variables = [("TOLLBOOK__JOBS__EVERY_SECONDS", "often")];
    for arguments in
        [&["config", "check", "--config", "t.toml", "--offline"][..], &["ageing", "--config", "t.toml"]]
    {
        let (well, said) = run(path, &variables, arguments);
        assert!(!well, "{said}");
        for part in [
            "http.listen: invalid type: integer `80`",
            "(t.toml line 2)",
            "http.port is no setting",
            "(t.toml line 3)",
            "http.proxies: `here` is neither an address nor a network (t.toml line 4)",
            "invoices.series `a-b` must be 1 to 20 letters and digits (t.toml line 6)",
            "jobs.every_seconds: invalid type: string \"often\"",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(!run(path, &[], &["config", "check", "--config", "none.toml"]).0);
}

#[test]
fn files_must_be_there_and_secrets_be_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let smtp =
        "[mail]\ntransport = \"smtp\"\nhost = \"mail.example.org\"\nfrom = \"a@example.org\"\nuser = \"a\"\n";
    std::fs::write(path.join("t.toml"), format!("{smtp}password_file = \"password\"\n")).unwrap();
    let check = ["config", "check", "--config", "t.toml", "--offline"];
    let (well, said) = run(path, &[], &check);
    let missing = "wrong: mail.password_file `password`: No such file or directory";
    assert!(!well && said.matches(missing).count() == 1 && said.contains("(t.toml line 6)"), "{said}");
    assert_eq!(said.matches("wrong: ").count(), 1, "{said}");
    secret(&path.join("password"), "s3cr3t\n", 0o644);
    let (well, said) = run(path, &[], &check);
    assert!(
        !well && said.contains("mail.password_file `password`: everybody on this machine may read"),
        "{said}"
    );
    secret(&path.join("password"), "s3cr3t\n", 0o640);
    let (well, said) = run(path, &[], &check);
    assert!(well && !said.contains("s3cr3t"), "{said}");
}

#[test]
fn a_secret_in_an_address_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["key", "token", "api_key", "apikey", "secret", "access-token", "sig"] {
        // What is wrong is quoted.
        let text = format!("[log]\ntraces_url = \"ftp://example.org/v1?id=7&{name}=s3cr3t&more=1\"\n");
        std::fs::write(path.join("t.toml"), text).unwrap();
        for arguments in
            [&["config", "check", "--config", "t.toml", "--offline"][..], &["check", "--config", "t.toml"]]
        {
            let (_, said) = run(path, &[], arguments);
            assert!(said.contains(&format!("{name}=***")) && !said.contains("s3cr3t"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_address_may_stand_in_a_file_and_its_password_is_not_shown() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (url, _database) = crate::support::empty_database(engine).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let address = url.replace("postgres@", "postgres:s3cr3t@");
        secret(&path.join("url"), &format!("{address}\n"), 0o600);
        let variables = [("TOLLBOOK_DATABASE_URL_FILE", "url")];
        let (well, said) = run(path, &variables, &["migrate"]);
        assert!(well && said.contains("0001_start"), "{said}");
        let (well, said) = run(path, &variables, &["config", "check"]);
        assert!(well && said.contains("answers, its schema is up to date"), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
        let (well, said) = run(path, &variables, &["config", "check", "--database-url", &url]);
        assert!(!well && said.contains("not both"), "{said}");
        secret(&path.join("url"), &address, 0o604);
        let (well, said) = run(path, &variables, &["config", "check", "--offline"]);
        assert!(!well && said.contains("--database-url-file `url`: everybody"), "{said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let nowhere = ["config", "check", "--database-url", "postgres://a:s3cr3t@127.0.0.1:1/x"];
    let (well, said) = run(folder.path(), &[], &nowhere);
    assert!(!well && said.contains("no connection") && !said.contains("s3cr3t"), "{said}");
}

#[test]
fn what_keeps_invoices_from_going_out_is_told_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let operator = |lines: &str| {
        let party =
            "[operator]\nname = \"Harbour\"\ncountry = \"DE\"\nphone = \"1\"\nemail = \"a@example.org\"\n";
        let (vat_id, iban) = ("vat_id = \"DE123456788\"\n", "iban = \"DE02120300000000202051\"\n");
        let unless =
            |name: &str, line: &str| if lines.contains(name) { String::new() } else { line.to_owned() };
        let text = format!(
            "{party}{}{}{lines}[brand]\nfonts = []\n",
            unless("vat_id", vat_id),
            unless("iban", iban)
        );
        std::fs::write(path.join("t.toml"), text).unwrap();
        let (well, said) = run(path, &[], &["config", "check", "--config", "t.toml", "--offline"]);
        (well, said.trim_end().lines().last().unwrap().to_owned())
    };
    assert_eq!(operator(""), (true, "ready to bill".to_owned()));
    for (lines, told) in [
        (
            "iban = \"DE03120300000000202051\"\n",
            "operator.iban `DE03120300000000202051` is not an IBAN: its check digits",
        ),
        ("vat_id = \"27/123/45678\"\n", "the number of a tax office is operator.tax_number (t.toml line 7)"),
        ("vat_id = \"DE123456789\"\n", "its check digits are wrong"),
        ("bic = \"X\"\n", "operator.bic `X` is not a BIC"),
        ("peppol = { scheme = \"1\", id = \"2\" }\n", "operator.peppol `1` is not a scheme"),
        ("small_business = \" \"\n", "operator.small_business is empty"),
        ("street = \"東\"\n", "operator: no font has 東 (U+6771)"),
    ] {
        let (well, said) = operator(lines);
        assert!(!well && said.starts_with("not ready to bill: ") && said.contains(told), "{told}: {said}");
    }
    // What is missing is told, and is not wrong.
    let (well, said) = operator("# vat_id\n");
    assert!(well && said.contains("operator.vat_id and operator.tax_number are missing"), "{said}");
    assert_eq!(operator("# vat_id\ntax_number = \"27/123/45678\"\n"), (true, "ready to bill".to_owned()));
    let (well, said) = operator("zone = \"Berlin\"\n");
    assert!(!well && said.contains("ready to bill"), "{said}");
}
