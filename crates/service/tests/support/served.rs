//! The application as programs meet it: behind a socket, guarded, with no limit of requests.

use tollbook::access::Access;
use tollbook::app::App;
use tollbook::config::Config;

use super::TestApp;
use super::server::Server;

/// Serves the application of a test to whoever has a token.
pub(crate) async fn served(db: &TestApp) -> Server {
    let app = db.configured("[http]\nrequests_per_second = 0\ntoken_requests_per_minute = 0\n");
    let access = Access::open(&Config::from_toml("").expect("the defaults are sound").access);
    let access = access.expect("the defaults are sound");
    Server::start(App { access, ..app.expect("the settings are sound") }).await
}
