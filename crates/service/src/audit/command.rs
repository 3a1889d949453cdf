//! What does the command line do, and to whose data?

use clap::ArgMatches;

use super::{Entry, store};
use crate::app::App;
use crate::error::Result;
use crate::id::{AuditId, CustomerId};
use crate::log::Concealed;
use crate::{customers, invoices};

/// What no person asks for: what goes on by itself, and what only proves.
const NOT_NOTED: [&str; 3] = ["serve", "work", "check"];
/// The arguments that say to what or whom something is done. Others may be numbers or secrets.
const NAMED: [&str; 8] = ["customer", "number", "invoice", "dispute", "source", "month", "name", "client"];

/// A command as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Spoken {
    words: Vec<String>,
    named: Vec<(&'static str, String)>,
}

impl Spoken {
    /// The command, with the subcommands within it.
    pub fn of(matches: &ArgMatches) -> Self {
        let mut spoken = Self::default();
        let mut within = matches;
        while let Some((word, more)) = within.subcommand() {
            spoken.words.push(word.to_owned());
            for name in NAMED {
                let value = more.try_get_raw(name).ok().flatten().and_then(|mut values| values.next());
                spoken.named.extend(value.map(|value| (name, value.to_string_lossy().into_owned())));
            }
            within = more;
        }
        spoken
    }

    fn named(&self, wanted: &str) -> Option<&str> {
        self.named.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str())
    }
}

/// Notes a command before it begins: so nothing is done that is not noted, though it may be refused then.
pub(crate) async fn note_command(app: &App, spoken: &Spoken) -> Result<()> {
    if spoken.words.first().is_none_or(|word| NOT_NOTED.contains(&word.as_str())) {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    let user = whoami::username().unwrap_or_default();
    let target: Vec<_> = spoken.named.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let entry = Entry {
        id: AuditId(app.clock.id()),
        happened_at: app.clock.now(),
        subject: format!("user:{user}"),
        role: "command line".to_owned(),
        action: format!("tollbook {}", spoken.words.join(" ")),
        target: Concealed(&target.join(" ")).to_string(),
        customer_id: customer_of(&mut tx, spoken).await?,
        status: 0,
        request_id: String::new(),
    };
    store::insert(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Whose data it is about, if it is one customer's.
async fn customer_of(tx: &mut crate::db::Tx, spoken: &Spoken) -> Result<Option<CustomerId>> {
    if let Some(reference) = spoken.named("customer") {
        return Ok(customers::by_reference(tx, reference).await?.map(|customer| customer.id));
    }
    let Some(number) = spoken.named("number").or_else(|| spoken.named("invoice")) else { return Ok(None) };
    Ok(invoices::by_number(tx, number).await?.map(|invoice| invoice.customer_id))
}
