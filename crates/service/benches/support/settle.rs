//! What does PostgreSQL do by itself within minutes of a large load?

use tollbook::app::App;
use tollbook::db::{Db, Postgres};

/// It cleans up and counts. The connections are new afterwards: one that knows these statements would plan them for
/// the tables as they were, empty.
pub(crate) async fn settle(app: &App) {
    if let Db::Postgres(Postgres { pool, .. }) = &app.db {
        let client = pool.get().await.expect("the database is there");
        client.batch_execute("vacuum analyze").await.expect("nobody else is there");
        drop(client);
        pool.retain(|_, _| false);
    }
}
