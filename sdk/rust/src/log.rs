//! The log of a run, for people. What is printed ends up in the same log.

use std::fs::File;
use std::sync::{Arc, Mutex};

use crate::{frames, json};

#[derive(Clone, Copy)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

const MESSAGE_MAX_CHARACTERS: usize = 64 * 1024;

/// Where entries go while a run is under way. One process works on one run at a time.
static CURRENT: Mutex<Option<(Arc<File>, u32)>> = Mutex::new(None);

/// Called by the guest at both ends of a run.
pub fn attach(output: Option<Arc<File>>, run: u32) {
    *CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = output.map(|file| (file, run));
}

/// One entry; `whiskers::info!("{} bytes", n)` and the like are shorter. Outside a run it goes to standard error.
pub fn log(level: Level, message: &str) {
    let text: String = message.chars().take(MESSAGE_MAX_CHARACTERS).collect();
    let current = CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some((output, run)) = &*current else {
        eprintln!("{text}");
        return;
    };
    let name = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let entry = json::object([("level", name.into()), ("message", text.into())]);
    frames::send(output, frames::LOG, *run, format!("{entry}\n").as_bytes());
}

#[macro_export]
macro_rules! debug { ($($part:tt)*) => { $crate::log($crate::Level::Debug, &format!($($part)*)) } }
#[macro_export]
macro_rules! info { ($($part:tt)*) => { $crate::log($crate::Level::Info, &format!($($part)*)) } }
#[macro_export]
macro_rules! warning { ($($part:tt)*) => { $crate::log($crate::Level::Warning, &format!($($part)*)) } }
#[macro_export]
macro_rules! error { ($($part:tt)*) => { $crate::log($crate::Level::Error, &format!($($part)*)) } }
