//! What does the whole job look like? A sample operator's month, from records to invoices, in one command.

use std::path::{Path, PathBuf};

use calculation::invoice::Party;
use calculation::money::{Amount, Currency};
use calculation::phone_number::{E164, Region};
use calculation::tariff::deck::Columns;
use documents::{Drawing, einvoice};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::access::{self, Added, NewClient, Role};
use crate::app::App;
use crate::calls::{self, Control, Import, Imported, Source};
use crate::cli::{Output, serve_and_work};
use crate::clock::Clock;
use crate::config::Config;
use crate::customers::{self, Customer, NewCustomer, NewLine, NewSubscription};
use crate::error::{Error, Result};
use crate::id::{PlanId, TariffId};
use crate::invoices::cli::write_pdfs;
use crate::invoices::{self, NewTaxRate, StoredInvoice};
use crate::jobs;
use crate::plans::{self, NewPlan};
use crate::prepaid::{self, NewTopUp, TopUpKind};
use crate::tariffs::{self, NewTariff};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the demo's database and invoices go; its own files there are replaced
    #[arg(long, default_value = "demo", value_name = "DIR")]
    dir: PathBuf,
    /// Stop before serving
    #[arg(long)]
    no_serve: bool,
    /// Where to serve
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
}

/// The month the samples are of.
pub const MONTH: &str = "2026-10";

/// The demo's token works for a day.
const TOKEN_MINUTES: u32 = 24 * 60;

const SETTINGS: &str = include_str!("../../../samples/tollbook.toml");
const TAX_RATES: &str = include_str!("../../../samples/tax_rates.toml");
const PLANS: &str = include_str!("../../../samples/plans.toml");
const CUSTOMERS: &str = include_str!("../../../samples/customers.toml");

macro_rules! tariffs {
    ($($name:literal),+) => {
        [$(($name,
            include_str!(concat!("../../../samples/tariffs/", $name, ".toml")),
            include_str!(concat!("../../../samples/tariffs/", $name, ".csv")))),+]
    };
}
const TARIFFS: [(&str, &str, &str); 5] =
    tariffs!["standard-eur", "flat-eur", "travel-usd", "bharat-inr", "pacific-aud"];

/// The sample's files of call records, each from a switch of its own.
pub const RECORDS: [(&str, &[u8]); 3] = [
    ("switch-a.csv", include_bytes!("../../../samples/cdrs/switch-a.csv")),
    ("switch-b.ndjson", include_bytes!("../../../samples/cdrs/switch-b.ndjson")),
    ("pbx.csv", include_bytes!("../../../samples/cdrs/pbx.csv")),
];

#[derive(Deserialize)]
struct TaxRates {
    tax_rate: Vec<NewTaxRate>,
}

#[derive(Deserialize)]
struct Plans {
    plan: Vec<NewPlan>,
}

#[derive(Deserialize)]
struct Customers {
    customer: Vec<SampleCustomer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleCustomer {
    reference: String,
    name: String,
    street: String,
    postcode: String,
    city: String,
    country: String,
    email: Option<String>,
    vat_id: Option<String>,
    currency: Currency,
    zone: Option<String>,
    plan: String,
    /// What a prepaid customer has paid at first.
    top_up: Option<Amount>,
    from: String,
    #[serde(default)]
    billing: customers::Billing,
    #[serde(default)]
    line: Vec<SampleLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleLine {
    number: E164,
    from: String,
    to: Option<String>,
}

/// The settings of the sample operator.
pub fn config() -> Result<Config> {
    Config::from_toml(SETTINGS)
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::Other(format!("samples: {error}")))
}

/// Loads the sample operator: tax rates, tariffs, plans and customers.
pub async fn load(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    for rate in read::<TaxRates>(TAX_RATES)?.tax_rate {
        invoices::set_tax_rate(&mut tx, rate, now).await?;
    }
    for (name, terms, deck) in TARIFFS {
        let terms =
            tariffs::cli::terms_of_toml(terms).map_err(|error| Error::Other(format!("{name}: {error}")))?;
        let (columns, valid_from) = (Columns::default(), Some(Timestamp::UNIX_EPOCH));
        let new = NewTariff { name, terms, deck: deck.as_bytes(), columns: &columns, valid_from, mode: None };
        let imported = tariffs::import(&mut tx, new, TariffId(app.clock.id()), now).await?;
        expect(matches!(imported, tariffs::Imported::New { .. }), &imported)?;
    }
    for plan in read::<Plans>(PLANS)?.plan {
        let created = plans::create(&mut tx, plan, PlanId(app.clock.id()), now).await?;
        expect(matches!(created, plans::Created::Plan(..)), &created)?;
    }
    for sample in read::<Customers>(CUSTOMERS)?.customer {
        let top_up = sample.top_up;
        let customer = new_customer(sample)?;
        let created = customers::create(&mut tx, customer, &app.config.customers.zone, &app.clock).await?;
        let customers::Created::Customer(created) = created else { return expect(false, &created) };
        if let Some(amount) = top_up {
            let new = first_top_up(&created.customer, amount);
            let done = prepaid::top_up(&mut tx, created.customer.id, new, &app.clock).await?;
            expect(matches!(done, prepaid::ToppedUp::New(_)), &done)?;
        }
    }
    Ok(tx.commit().await?)
}

fn first_top_up(customer: &Customer, amount: Amount) -> NewTopUp {
    NewTopUp {
        reference: format!("first top-up of {}", customer.reference),
        kind: TopUpKind::Payment,
        amount: Some(amount),
        currency: Some(customer.currency),
        seconds: None,
        destinations: Vec::new(),
        line: None,
        name: None,
        priority: None,
        expires_at: None,
    }
}

fn expect(met: bool, what: &impl std::fmt::Debug) -> Result<()> {
    if met { Ok(()) } else { Err(Error::Other(format!("samples: {what:?}"))) }
}

fn new_customer(sample: SampleCustomer) -> Result<NewCustomer> {
    let SampleCustomer { reference, name, street, postcode, city, country, email, vat_id, currency, .. } =
        sample;
    let party = Party { name, street, postcode, city, country, email, vat_id, ..Party::default() };
    let zone = TimeZone::get(sample.zone.as_deref().unwrap_or("UTC")).unwrap_or(TimeZone::UTC);
    let lines = sample.line.into_iter().map(|line| {
        let valid_to = line.to.as_deref().map(|to| instant(to, &zone)).transpose()?;
        Ok(NewLine { number: line.number, valid_from: instant(&line.from, &zone)?, valid_to })
    });
    let lines = lines.collect::<Result<_>>()?;
    let subscription = Some(NewSubscription { plan: sample.plan, valid_from: instant(&sample.from, &zone)? });
    // Any instant of the samples' month, in every zone.
    let bill_from = Some(instant("2026-10-15T00:00:00Z", &zone)?);
    let billing = sample.billing;
    Ok(NewCustomer { reference, party, currency, zone: sample.zone, lines, subscription, billing, bill_from })
}

/// An instant, or a day that begins at midnight in a zone.
fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp> {
    let wrong = || Error::Other(format!("samples: `{text}` is no date"));
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    calculation::period::first_instant(day, zone).map_err(|_| wrong())
}

/// The sources of the sample's records.
pub fn source(file: &str) -> Result<Source> {
    let mut source = Source::new(file.split('.').next().unwrap_or(file));
    source.region = "DE".parse::<Region>().ok();
    if file == "pbx.csv" {
        source.zone = TimeZone::get("Europe/Berlin").map_err(|error| Error::Other(error.to_string()))?;
        source.trunks = vec!["PJSIP/trunk".to_owned()];
    }
    Ok(source)
}

/// Runs the demo.
pub async fn run(args: &Args, output: Output) -> Result<bool> {
    let dir = &args.dir;
    let shown = dir.display();
    clear(dir)?;
    let url = format!("sqlite://{}", dir.join("demo.db").display());
    let mails = dir.join("mail");
    let mut config = config()?;
    config.mail.folder.clone_from(&mails);
    config.access.token_minutes = TOKEN_MINUTES;
    let app = App::open(&url, Clock::system(), config).await?;
    load(&app).await?;
    output.note(format_args!("Harbour Telecom, an invented operator, in October 2026"));
    let mut total = Control::default();
    for (file, content) in RECORDS {
        let import = Import { source: source(file)?, file_name: file.to_owned(), input: content };
        let imported = calls::import(&app, import, &|_, _| ()).await?;
        let Imported::Done { import, .. } = imported else {
            return Err(Error::Other(format!("samples: {imported:?}")));
        };
        output.note(format_args!("  {file}: {}", import.control));
        total = total.plus(&import.control);
    }
    let billed = match invoices::bill(&app, MONTH, &|| ()).await? {
        invoices::Run::Billed(billed) => billed,
        invoices::Run::NotAMonth(error) => return Err(Error::Other(error.to_string())),
    };
    let all = invoices::invoices_of_month(&app, MONTH).await?;
    let folder = dir.join("invoices");
    write_pdfs(&app, &all, &folder).await?;
    let xmls = write_xmls(&all, &folder)?;
    let sent = Box::pin(jobs::work_off(&app)).await?;
    let token = token(&app).await?;
    let request = format!("curl --oauth2-bearer {token} http://{}/v1/customers", args.listen);
    let shown = Shown { total, billed: &billed, xmls, sent, dir: &shown.to_string(), request: &request };
    let json =
        serde_json::json!({"control": total, "billed": billed, "mails": sent, "dir": dir, "token": token});
    output.answer(&json, shown.words())?;
    if args.no_serve {
        return Ok(true);
    }
    serve_and_work(app, args.listen, output).await?;
    Ok(true)
}

/// A token that may do everything, of a client made for it.
async fn token(app: &App) -> Result<String> {
    let new = NewClient { name: "demo".to_owned(), role: Role::Operator, customer_id: None };
    let secret = access::new_secret(&app.clock).await?;
    let mut tx = app.db.begin().await?;
    let added = access::add(&mut tx, new, secret, &app.clock).await?;
    let Added::Client(client, ..) = added else { return Err(Error::Other("samples: no client".to_owned())) };
    let token = access::token(&mut tx, client.id, app).await?;
    tx.commit().await?;
    token.ok_or_else(|| Error::Other("samples: no token".to_owned()))
}

/// What the demo came to.
struct Shown<'a> {
    total: Control,
    billed: &'a invoices::Billed,
    xmls: usize,
    sent: jobs::Worked,
    dir: &'a str,
    request: &'a str,
}

impl Shown<'_> {
    fn words(&self) -> String {
        let Self { total, billed, xmls, sent, dir, request } = self;
        let program = std::env::args().next().unwrap_or_else(|| "tollbook".to_owned());
        let tollbook = format!("{program} --database-url sqlite://{dir}/demo.db");
        format!(
            "control total: {total}\n\
             {MONTH}: {} invoices issued, {} customer prepaid; in {dir}/invoices as PDF, {xmls} as XML (EN 16931)\n\
             {} mails in {dir}/mail, {} customers without an address\n\
             look around:\n  {tollbook} history C-1001\n  {tollbook} balances C-1003\n  {tollbook} suspense\n  \
             {tollbook} invoice INV-2026-000001\n  {tollbook} jobs\n  {tollbook} check\n  {request}",
            billed.issued, billed.prepaid, sent.done, sent.failed
        )
    }
}

/// Writes the electronic invoices beside the PDF files; answers how many could be made.
fn write_xmls(all: &[StoredInvoice], folder: &Path) -> Result<usize> {
    let mut written = 0;
    for stored in all {
        let Ok(text) = einvoice::cii(&Drawing::from(stored.invoice.clone())) else { continue };
        let name = stored.number.clone().unwrap_or_default();
        let path = folder.join(format!("{name}.xml"));
        crate::whole_file::write(&path, text).map_err(Error::file(path.display().to_string()))?;
        written += 1;
    }
    Ok(written)
}

/// Removes what an earlier demo left, and nothing else.
fn clear(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(Error::file(dir.display().to_string()))?;
    let mut own: Vec<_> = ["demo.db", "demo.db-wal", "demo.db-shm"].map(|name| dir.join(name)).into();
    // The mails of an earlier demo have other names.
    if let Ok(mails) = std::fs::read_dir(dir.join("mail")) {
        let mails = mails.flatten().map(|entry| entry.path());
        own.extend(mails.filter(|path| path.extension().is_some_and(|extension| extension == "eml")));
    }
    for path in own.into_iter().filter(|path| path.exists()) {
        std::fs::remove_file(&path).map_err(Error::file(path.display().to_string()))?;
    }
    Ok(())
}
