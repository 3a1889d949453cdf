//! What is kept, and for how long? Two clocks, a purge that heeds disputes, and what one customer may ask for: a copy of
//! all that is theirs, and to be forgotten.

pub mod cli;
mod erase;
mod export;
mod horizon;
pub mod http;
mod purge;
mod store;

pub use erase::{Erased, Erasure, erase};
pub use export::export;
pub use purge::{Held, Purged, outlook, purge, run};
