//! Every line of the raw file that is a hostname.

use std::collections::HashSet;

use whiskers::{Hostname, Meta, Network, Output, Result};

fn main() {
    whiskers::serve(run)
}

fn run(_meta: &Meta, raw: &[u8], out: &mut Output) -> Result {
    let network = out.give(Network { name: "internet".into() });
    let text = String::from_utf8_lossy(raw).to_lowercase();
    let mut seen = HashSet::new();
    for name in text.split('\n').map(str::trim).filter(|name| !name.is_empty()) {
        if seen.insert(name) && is_hostname(name) {
            out.give(Hostname { network: network.clone(), name: name.into(), ..Default::default() });
        }
    }
    whiskers::info!("{} different lines", seen.len());
    Ok(())
}

fn is_hostname(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
