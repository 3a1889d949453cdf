//! May the program open as many connections as are set? Each takes a file descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Http;

/// For the database, files, mail, webhooks and connections that wait for a place.
const OTHERS: usize = 1024;
/// More is raised only when more connections are set.
const AMPLE: u64 = 16 * 1024;

/// Raises the limit of open files as far as it is of use and the system permits, and says when that is too low.
pub(super) fn raise(settings: &Http) {
    let wanted =
        settings.connections.saturating_add(settings.switch_connections).saturating_add(OTHERS) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let Some(permitted) = current else { return };
    let ample = wanted.max(AMPLE);
    let raised = maximum.map_or(ample, |maximum| ample.min(maximum));
    let permitted = if raised > permitted
        && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok()
    {
        raised
    } else {
        permitted
    };
    if permitted < wanted {
        tracing::warn!(
            permitted,
            wanted,
            "too few open files are permitted for the connections that are set: raise the limit (LimitNOFILE, ulimit -n)"
        );
    }
}
