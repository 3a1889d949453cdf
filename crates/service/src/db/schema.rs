//! Is the schema what this program knows? Runs what is missing of it, once.

use jiff::Timestamp;

use super::{Db, Error, POSTGRES_MIGRATIONS, Result, SQLITE_MIGRATIONS, Ts, Tx};

/// How the schema of a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    UpToDate,
    /// These migrations have not run yet.
    Behind(Vec<&'static str>),
    /// A newer program ran this one.
    Newer(String),
}

impl Db {
    /// Brings the schema up to date; answers the names of the migrations that ran.
    pub async fn migrate(&self, now: Timestamp) -> Result<Vec<&'static str>> {
        self.create_migrations_table().await?;
        let mut tx = self.begin().await?;
        let (migrations, lock) = match &tx {
            Tx::Sqlite(_) => (SQLITE_MIGRATIONS, ""),
            // Two programs that start at once must not both migrate.
            Tx::Postgres(_) => (POSTGRES_MIGRATIONS, "lock table migrations in exclusive mode"),
        };
        tx.script(lock).await?;
        let mut ran = Vec::new();
        let done = tx.rows("select name, content_hash from migrations order by name", &[]).await?;
        for row in &done {
            let name: String = row.get("name")?;
            let known = migrations.iter().find(|(known, _)| *known == name);
            let (_, text) = known.ok_or_else(|| Error::NewerSchema(name.clone()))?;
            if row.get::<String>("content_hash")? != crate::hash::hex(&crate::hash::of(text.as_bytes())) {
                return Err(Error::ChangedMigration(name));
            }
        }
        for (name, text) in migrations.iter().skip(done.len()) {
            tx.script(text).await?;
            let hash = crate::hash::hex(&crate::hash::of(text.as_bytes()));
            tx.execute("insert into migrations values ($1, $2, $3)", &[name, &hash, &Ts(now)]).await?;
            ran.push(*name);
        }
        tx.commit().await?;
        Ok(ran)
    }

    async fn create_migrations_table(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        let time = if matches!(tx, Tx::Sqlite(_)) { "integer" } else { "timestamptz" };
        let table = format!(
            "create table if not exists migrations
               (name text not null primary key, content_hash text not null, ran_at {time} not null)"
        );
        // When two create it at once, the later fails on PostgreSQL, `if not exists` or not; then it is there.
        if tx.script(&table).await.is_err() {
            drop(tx);
            tx = self.begin().await?;
            tx.script(&table).await?;
        }
        tx.commit().await
    }

    /// Whether there is something to open at an address: a file that is not there would be made.
    pub fn is_there(url: &str) -> bool {
        url.strip_prefix("sqlite://").is_none_or(|path| std::path::Path::new(path).exists())
    }

    /// Compares the schema with what this program knows, and changes nothing.
    pub async fn schema(&self) -> Result<Schema> {
        let mut tx = self.read().await?;
        let migrations = match &tx {
            Tx::Sqlite(_) => SQLITE_MIGRATIONS,
            Tx::Postgres(_) => POSTGRES_MIGRATIONS,
        };
        let done = tx.rows("select name from migrations order by name", &[]).await?;
        let done = done.iter().map(|row| row.get("name")).collect::<Result<Vec<String>>>()?;
        if let Some(newer) = done.iter().find(|name| !migrations.iter().any(|(known, _)| known == name)) {
            return Ok(Schema::Newer(newer.clone()));
        }
        let missing: Vec<_> = migrations.iter().skip(done.len()).map(|(name, _)| *name).collect();
        Ok(if missing.is_empty() { Schema::UpToDate } else { Schema::Behind(missing) })
    }
}
