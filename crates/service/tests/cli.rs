//! Does the command line do what it says, and say what it did?

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) struct Shell {
    folder: tempfile::TempDir,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("the file is written");
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command.output().expect("the program runs")
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the answer is text")
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).expect("the answer is JSON")
    }

    /// What a command that must fail says.
    pub(crate) fn fails(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments} succeeded");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}

#[test]
fn the_demo_shows_the_whole_job_in_a_dozen_lines() {
    let shell = Shell::new();
    let output = shell.run("demo --no-serve --dir shown");
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).expect("the demo speaks text");
    let lines = shown.lines().count();
    assert!((8..=15).contains(&lines), "{lines} lines");
    let shown = shell.ok("demo --no-serve --dir shown"); // again replaces its own files
    assert!(shown.contains("556 records = 389 charged + 111 free + 7 duplicate + 49 suspended"), "{shown}");
    let pdfs = std::fs::read_dir(shell.path("shown/invoices")).unwrap().count();
    let named = |extension: &str| {
        let files = std::fs::read_dir(shell.path("shown/invoices")).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|found| found == extension)).count()
    };
    assert_eq!((pdfs, named("pdf"), named("xml")), (26, 13, 13));
    let mails = std::fs::read_dir(shell.path("shown/mail")).unwrap().count();
    assert!(mails > 5, "{mails} mails");
    let database = "--database-url sqlite://shown/demo.db";
    assert_eq!(shell.json(&format!("{database} history C-1001 --limit 3")).as_array().unwrap().len(), 3);
    let more = shell.ok(&format!("{database} history C-1001 --limit 3"));
    let cursor = more.lines().last().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(
        shell.ok(&format!("{database} history C-1001 --limit 3 --cursor {cursor}")).lines().count(),
        4
    );
    assert!(shell.ok(&format!("{database} suspense --limit 500")).contains("blocked_destination"));
    assert!(shell.ok(&format!("{database} invoice INV-2026-000001")).contains("to pay"));
    shell.ok(&format!("{database} invoice INV-2026-000001 --pdf one.pdf"));
    assert!(std::fs::read(shell.path("one.pdf")).unwrap().starts_with(b"%PDF"));
    shell.ok(&format!("{database} invoice INV-2026-000001 --xml one.xml --pdf two.pdf"));
    assert!(std::fs::read_to_string(shell.path("one.xml")).unwrap().contains("CrossIndustryInvoice"));
    assert!(std::fs::read(shell.path("two.pdf")).unwrap().starts_with(b"%PDF"));
    assert!(shell.fails(&format!("{database} invoice INV-2026-000001 --syntax ubl")).contains("--xml"));
    let credit = "credit INV-2026-000001 --reason Disputed";
    assert!(shell.fails(&format!("{database} {credit} --line 1 --net 999")).contains("is left"));
    assert!(shell.fails(&format!("{database} {credit} --call nonsense")).contains("SOURCE/RECORD_ID"));
    let credited = shell.ok(&format!("{database} {credit} --line 1 --net 1.00"));
    assert_eq!(credited, "CN-2026-000001 credits 1.19 EUR of INV-2026-000001\n");
    let note = shell.ok(&format!("{database} invoice CN-2026-000001 --pdf note.pdf"));
    assert!(note.contains("CN-2026-000001"), "{note}");
    assert!(shell.fails(&format!("{database} invoice CN-2026-000009")).contains("no invoice or credit note"));
    assert!(shell.ok(&format!("{database} check")).ends_with("all adds up\n"));
    assert_eq!(shell.json(&format!("{database} bill --month 2026-10"))["already"], 13);
    assert_eq!(shell.json(&format!("{database} tariff list")).as_array().unwrap().len(), 5);
    let quote = shell.json(&format!("{database} quote --from +493023125001 --to +442079460123 --seconds 61"));
    assert_eq!(quote["talk_seconds"], 61);
}

#[test]
fn a_deck_is_imported_or_refused_with_every_fault() {
    let shell = Shell::new();
    shell.write("good.csv", "Code,Destination,Price,Kommentar\n49,Germany,0.01,x\n");
    let import = "tariff import good.csv --name t --currency EUR --rounding 4/half-up --increments 60/60";
    assert!(shell.fails(import).contains("Kommentar"));
    let imported = shell.json(&format!("{import} --ignore Kommentar"));
    assert_eq!((&imported["version"], &imported["rates"]), (&1.into(), &1.into()));
    assert!(shell.ok(&format!("{import} --ignore Kommentar")).contains("this very deck already"));
    shell.write("bad.csv", "prefix,destination,rate\n4.95E+12,Germany,0.01\n44,UK,\"0,02\"\n");
    let refused = shell.fails("tariff import bad.csv --name u --increments 60/60");
    assert!(refused.contains("line 2, prefix") && refused.contains("line 3, rate_per_min"), "{refused}");
    assert!(refused.contains("2 faults, nothing was stored"), "{refused}");
    assert!(shell.fails("tariff import nowhere.csv --name t").contains("nowhere.csv"));
    assert!(shell.fails("tariff import good.csv --name t --rounding 7/up").contains("0 to 6"));
    let other = import.replace("EUR", "USD");
    assert!(shell.fails(&format!("{other} --ignore Kommentar")).contains("another name"));
    assert!(
        shell.fails(&format!("{import} --valid-from 1/10/2026 --ignore Kommentar")).contains("2026-10-31")
    );
}

#[test]
fn records_are_imported_with_their_control_total() {
    let shell = Shell::new();
    shell.write("bad.csv", "record_id,call_id,direction,calling_number,called_number,start_time,answer_time,end_time,billsec,disposition\n\
        r1,r1,outbound,+493012345,+44207,2026-10-05T10:00:00Z,2026-10-05T10:00:00Z,2026-10-05T10:01:00Z,60,ANSWERED\n");
    let imported = shell.json("import bad.csv --source s");
    assert_eq!(imported["import"]["control"]["suspended"], 1);
    assert_eq!(imported["suspended"]["unknown_number"], 1);
    assert!(shell.ok("suspense --source s").contains("no customer holds the charged number"));
    assert_eq!(shell.ok("suspense --source other"), "nothing waits in suspense\n");
    assert!(shell.fails("import nowhere.csv --source s").contains("nowhere.csv"));
    shell.write("empty.csv", "");
    assert!(shell.fails("import empty.csv --source s").contains("empty"));
    assert!(shell.fails("import bad.csv").contains("--source"));
    assert!(shell.fails("import bad.csv --source s --zone Berlin").contains("Europe/Berlin"));
    assert!(shell.fails("import bad.csv --source s --format xml").contains("xml"));
}

#[test]
fn a_banks_list_is_recorded_with_its_control_total() {
    let shell = Shell::new();
    shell.ok("demo --no-serve --dir shown");
    let database = "--database-url sqlite://shown/demo.db";
    let invoice = shell.json(&format!("{database} invoice INV-2026-000001"));
    let (gross, currency) =
        (invoice["gross"]["amount"].as_str().unwrap(), invoice["gross"]["currency"].as_str().unwrap());
    let (customer, day) = (invoice["invoice"]["customer_reference"].as_str().unwrap(), "2026-11-02");
    let ageing = shell.json(&format!("{database} ageing"));
    assert_eq!(ageing["customers"].as_array().unwrap().len(), 13);
    shell.write(
        "list.csv",
        &format!(
            "Reference;customer;invoice;amount;currency;date;method\n\
             b-1;;INV-2026-000001;{gross};{currency};{day};transfer\n\
             b-2;{customer};;1.50;{currency};{day};\n\
             b-2;{customer};;1.50;{currency};{day};\n\
             b-2;{customer};;1.51;{currency};{day};\n\
             b-3;;;1.00;{currency};{day};\n\
             b-4;nobody;;1.00;{currency};{day};\n\
             b-5;;INV-0;1.00;{currency};{day};\n\
             b-6;{customer};;-1.00;{currency};{day};\n\
             b-7;{customer};;1,00;{currency};{day};\n\
             b-8;{customer};;1.00;{currency};2.11.2026;\n\
             b-9;{customer};;1.00;{currency}\n\
             ;{customer};;1.00;{currency};{day};\n\
             b-10;{customer};INV-2026-000002;1.00;{currency};{day};\n"
        ),
    );
    let imported = shell.fails(&format!("{database} payments import list.csv"));
    assert!(imported.contains("13 lines = 2 recorded + 1 duplicate + 10 refused"), "{imported}");
    for line in [
        "line 5: another payment has this reference",
        "line 6: neither customer nor invoice",
        "line 7: customer: no customer has the reference `nobody`",
        "line 8: invoice: no invoice has the number `INV-0`",
        "line 9: the amount must be above zero",
        "line 10: amount: `1,00` has a decimal comma",
        "line 11: date: `2.11.2026` is no day: write it as 2026-11-03",
        "line 12: has 5 fields, the header 7",
        "line 13: reference: is empty",
        "line 14: the customer has no such invoice",
    ] {
        assert!(imported.contains(line), "{line}: {imported}");
    }
    let again = shell.fails(&format!("{database} payment import list.csv"));
    assert!(again.contains("13 lines = 0 recorded + 3 duplicate + 10 refused"), "{again}");
    for (header, part) in [
        ("reference,customer,amount,currency", "`date` is missing"),
        ("reference,amount,currency,date", "must say who paid"),
        ("reference,customer,amount,currency,date,Betrag", "`Betrag` is no column"),
        ("reference,customer,amount,currency,date,date", "there twice"),
        ("", "line 1"),
    ] {
        shell.write("bad.csv", &format!("{header}\n"));
        assert!(shell.fails(&format!("{database} payment import bad.csv")).contains(part), "{header}");
    }
    shell.write(
        "good.csv",
        &format!("\u{feff}reference,customer,amount,currency,date\nb-11,{customer},1,{currency},{day}\n"),
    );
    assert_eq!(shell.json(&format!("{database} payment import good.csv"))["recorded"], 1);
    let add = format!("{database} payment add --customer {customer} --currency {currency} --paid-on {day}");
    assert!(shell.ok(&format!("{add} --amount 2 --reference c-1")).contains("recorded: pay_"));
    assert!(shell.ok(&format!("{add} --amount 2 --reference c-1")).contains("recorded before"));
    assert_eq!(shell.json(&format!("{add} --amount 4.50 --reference c-2 --refund"))["kind"], "refund");
    assert!(shell.fails(&format!("{add} --amount 0.01 --reference c-3 --refund")).contains("only 0.00"));
    let nobody = add.replace(customer, "nobody");
    assert!(shell.fails(&format!("{nobody} --amount 1 --reference c-4")).contains("nobody"));
    let open = shell.ok(&format!("{database} invoice INV-2026-000001"));
    assert!(open.contains("open") && open.contains(&format!("0.00 {currency}")), "{open}");
    assert_eq!(shell.json(&format!("{database} ageing"))["customers"].as_array().unwrap().len(), 12);
    assert!(shell.ok(&format!("{database} ageing")).contains("over 90"));
    assert_eq!(shell.ok("ageing"), "nothing is open\n");
    assert!(shell.ok(&format!("{database} check")).contains("payments and refunds: none is used twice"));
    assert!(shell.ok(&format!("{database} work --once")).contains("reminders: "));
}

#[test]
fn what_cannot_be_done_says_why() {
    let shell = Shell::new();
    assert_eq!(
        shell.ok("migrate"),
        "ran 0001_start, 0002_billing, 0003_ledger, 0004_prepaid, 0005_access, 0006_webhooks, 0007_audit, 0008_retention, 0009_tariffs, 0010_corrections, 0011_payments, 0013_bills, 0014_review, 0015_seals, 0016_secrets, 0017_fees, 0018_timekeeping, 0019_delivery, 0021_handed_over, 0022_accepted, 0023_more_seals, 0024_doubted\n"
    );
    assert_eq!(shell.ok("migrate"), "the database is up to date\n");
    assert!(shell.fails("history nobody").contains("nobody"));
    assert!(shell.fails("invoice INV-1").contains("INV-1"));
    assert!(shell.fails("bill --month October").contains("2026-10"));
    assert!(shell.fails("quote --from +493012345678 --to 112").contains("nobody holds"));
    assert!(shell.fails("check --database-url mysql://x").contains("neither sqlite://FILE nor postgres://"));
    assert!(shell.fails("check --database-url postgres://nobody@127.0.0.1:1/x").contains("no connection"));
    shell.write("settings.toml", "[operator]\nnmae = \"x\"\n");
    assert!(shell.fails("check --config settings.toml").contains("nmae"));
    assert!(shell.fails("serve --listen 0.0.0.0:0").contains("no authentication is configured"));
    assert!(shell.ok("settings").contains("[invoices]"));
    for command in [
        "",
        "demo",
        "serve",
        "tariff import",
        "import",
        "quote",
        "history",
        "bill",
        "invoice",
        "client add",
        "payment add",
        "payment import",
        "ageing",
        "top-up",
        "balances",
        "vouchers",
        "check",
    ] {
        assert!(shell.ok(&format!("{command} --help")).contains("Usage: tollbook"), "{command}");
    }
}

/// Whether each command shows its own options apart from those of every command.
fn assert_apart(command: &mut clap::Command) {
    const GLOBAL: [&str; 6] =
        ["--database-url", "--database-url-file", "--database-password-file", "--config", "--set", "--json"];
    let (name, help) = (command.get_name().to_owned(), command.render_long_help().to_string());
    let (own, global) = help.split_once("Global options:").unwrap_or_else(|| panic!("{name}: {help}"));
    let options = |text: &str| -> Vec<String> {
        let words = text.lines().filter_map(|line| line.split_whitespace().next());
        words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
    };
    assert!(!options(own).iter().any(|option| GLOBAL.contains(&option.as_str())), "{name}: {help}");
    assert_eq!(options(global), GLOBAL, "{name}: {help}");
    command.get_subcommands_mut().filter(|command| command.get_name() != "help").for_each(assert_apart);
}

#[test]
fn options_of_every_command_stand_apart() {
    let mut command = <tollbook::cli::Cli as clap::CommandFactory>::command();
    command.build();
    assert_apart(&mut command);
}

#[test]
fn the_description_of_the_api_is_checked_in() {
    let shell = Shell::new();
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let generated = shell.ok("openapi");
    let known = std::fs::read_to_string(&checked_in).unwrap_or_default();
    assert!(known == generated, "docs/openapi.json is not what the code says: run `just openapi`");
    let document: Value = serde_json::from_str(&generated).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn an_option_that_would_be_forgotten_is_refused() {
    let shell = Shell::new();
    let both = shell.fails("--set http.burst=1 check --set http.burst=2");
    assert!(both.contains("every --set before the command, or every one after it"), "{both}");
    shell.ok("--set http.burst=1 --set=jobs.every_seconds=5 check");
}
