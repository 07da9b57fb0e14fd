//! Runs a normalizer in Whiskers: the guest's side of the guest protocol, version 1.
//!
//! ```no_run
//! use whiskers::{Hostname, Meta, Network, Output, Result};
//!
//! fn run(meta: &Meta, raw: &[u8], out: &mut Output) -> Result {
//!     whiskers::info!("{} bytes about {}", raw.len(), meta.input_ooi().unwrap_or("nothing"));
//!     let network = out.give(Network { name: "internet".into() });
//!     out.give(Hostname { network, name: "example.com".into(), ..Default::default() });
//!     Ok(())
//! }
//!
//! fn main() {
//!     whiskers::serve(run)
//! }
//! ```

mod encode;
mod frames;
mod guest;
mod json;
mod log;
mod meta;
mod objects;
mod output;
mod records;

pub use guest::serve;
pub use json::Value;
pub use log::{log, Level};
pub use meta::{Meta, RawFile};
pub use objects::*;
pub use output::Output;
pub use records::{Affirmation, Declaration, DerivedRaw, Object, Record, Reference, ScanProfile};

/// What a normalizer returns. What it gave counts when this is `Ok`.
pub type Result = std::result::Result<(), Box<dyn std::error::Error>>;
