//! The loop of the guest:
//!
//! ```text
//! loading ──ready──▶ waiting ──run──▶ working ──done|failed──▶ waiting (after ready) or exit
//!                       └──end of input──▶ exit 0
//! ```

use std::any::Any;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufReader, Read};
#[cfg(not(target_os = "wasi"))]
use std::os::fd::{AsRawFd, FromRawFd};
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::process::exit;
use std::sync::Arc;

use crate::frames::{self, fill, header, BadInput};
use crate::json::{self, Value};
use crate::log;
use crate::meta::{Meta, RawFile};
use crate::output::Output;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// As in sysexits.h.
const EXIT_BAD_INPUT: i32 = 65;

/// All that `main` does: runs the normalizer as often as the host asks, and returns when there is nothing left to do.
/// Standard output becomes the log: the protocol moves to a descriptor of its own.
pub fn serve(normalizer: impl Fn(&Meta, &[u8], &mut Output) -> crate::Result) {
    let (input, output) = take_stream();
    let output = Arc::new(output);
    note_where_it_panics();
    let reuse = std::env::var("WHISKERS_STATE").as_deref() == Ok("reuse");
    if let Err(BadInput(why)) = serve_stream(&normalizer, input, output, reuse) {
        eprintln!("whiskers: {why}");
        exit(EXIT_BAD_INPUT);
    }
}

#[cfg(target_os = "wasi")]
extern "C" {
    fn __wasilibc_fd_renumber(from: i32, to: i32) -> i32;
}

/// WASI cannot duplicate descriptors; Whiskers lets them be opened a second time.
#[cfg(target_os = "wasi")]
fn take_stream() -> (BufReader<File>, File) {
    use std::os::fd::IntoRawFd;
    let open = |name: &str, write: bool| File::options().read(!write).write(write).open(name).expect("a descriptor");
    let (input, output) = (open("/dev/stdin", false), open("/dev/stdout", true));
    for (number, place) in [(open("/dev/null", false), 0), (open("/dev/stderr", true), 1)] {
        // SAFETY: nothing of this process holds 0 or 1 but by their numbers.
        unsafe { __wasilibc_fd_renumber(number.into_raw_fd(), place) };
    }
    (BufReader::with_capacity(64 * 1024, input), output)
}

#[cfg(not(target_os = "wasi"))]
extern "C" {
    fn dup2(from: i32, to: i32) -> i32;
}

#[cfg(not(target_os = "wasi"))]
fn take_stream() -> (BufReader<File>, File) {
    // Copies are closed in what the normalizer starts.
    // SAFETY: 0 and 1 are the protocol's stream, and open: the host gave them. The borrowed handles are not dropped.
    let copy = |fd| std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(fd) }).try_clone();
    let (input, output) = (copy(0).expect("standard input"), copy(1).expect("standard output"));
    let null = File::open("/dev/null").expect("/dev/null");
    // SAFETY: nothing of this process holds 0 or 1 but by their numbers.
    unsafe {
        dup2(null.as_raw_fd(), 0);
        dup2(2, 1);
    }
    (BufReader::with_capacity(64 * 1024, input), output)
}

fn serve_stream(
    normalizer: &impl Fn(&Meta, &[u8], &mut Output) -> crate::Result,
    mut input: BufReader<File>,
    output: Arc<File>,
    reuse: bool,
) -> Result<(), BadInput> {
    frames::send(&output, frames::READY, 0, ready().as_bytes());
    while let Some((run, meta)) = next_run(&mut input)? {
        let mut out = Output::new(Arc::clone(&output), run);
        log::attach(Some(Arc::clone(&output)), run);
        let failed = call(normalizer, &meta, &mut out).or_else(|| out.finish());
        out.flush();
        log::attach(None, 0);
        match failed {
            None => frames::send(&output, frames::DONE, run, format!("{{\"records\":{}}}", out.count()).as_bytes()),
            Some(failure) => frames::send(&output, frames::FAILED, run, failure.to_string().as_bytes()),
        }
        if !reuse {
            break;
        }
        frames::send(&output, frames::READY, 0, b"{}");
    }
    Ok(())
}

fn ready() -> String {
    format!(
        r#"{{"protocols":[1],"sdk":{{"name":"whiskers-rust","version":"{VERSION}"}},"language":{{"name":"rust","version":""}},"fork":false}}"#
    )
}

/// Waits for the next run and reads all of its input; `None`: there are no more.
fn next_run(input: &mut impl Read) -> Result<Option<(u32, Meta)>, BadInput> {
    let Some(head) = header(input)? else { return Ok(None) };
    if head.kind != frames::RUN {
        return Err(BadInput(format!("a frame of kind {:#x} instead of run", head.kind)));
    }
    let mut text = vec![0; head.length];
    fill(input, &mut text)?;
    let request = json::parse(&text).ok_or(BadInput("a run that is not JSON".into()))?;
    let mut raws = Vec::new();
    for entry in request["raws"].items() {
        let size = entry["size"].number().unwrap_or(0.0) as usize;
        raws.push(RawFile {
            id: entry["id"].text().unwrap_or("").into(),
            mime_types: entry["mime_types"].items().iter().filter_map(Value::text).map(String::from).collect(),
            content: read_raw(input, head.run, size)?,
        });
    }
    if raw_length(input, head.run)? != 0 {
        return Err(BadInput("more bytes than the raw files have".into()));
    }
    Ok(Some((head.run, Meta { json: request["meta"].clone(), raws })))
}

fn read_raw(input: &mut impl Read, run: u32, size: usize) -> Result<Vec<u8>, BadInput> {
    let mut content = vec![0; size];
    let mut at = 0;
    while at < size {
        let length = raw_length(input, run)?;
        if length == 0 || at + length > size {
            return Err(BadInput("a raw frame that does not fit its file".into()));
        }
        fill(input, &mut content[at..at + length])?;
        at += length;
    }
    Ok(content)
}

fn raw_length(input: &mut impl Read, run: u32) -> Result<usize, BadInput> {
    match header(input)? {
        Some(head) if head.kind == frames::RAW && head.run == run => Ok(head.length),
        _ => Err(BadInput("not the raw frame that was expected".into())),
    }
}

/// What failed, as the payload of a `failed` frame; `None`: nothing did.
fn call(
    normalizer: &impl Fn(&Meta, &[u8], &mut Output) -> crate::Result,
    meta: &Meta,
    out: &mut Output,
) -> Option<Value> {
    let raw = meta.raws.first().map_or(&[][..], |raw| &raw.content);
    match catch_unwind(AssertUnwindSafe(|| normalizer(meta, raw, out))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(failure("Error", &with_causes(error.as_ref()), "")),
        Err(panic) => Some(failure("panic", &message_of(panic.as_ref()), &PANICKED_AT.with(|place| place.take()))),
    }
}

/// At most so much as a `failed` frame may hold.
pub fn failure(kind: &str, message: &str, stack: &str) -> Value {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    json::object([
        ("type", kind.into()),
        ("message", cut(message, 4 * 1024).into()),
        ("stack", cut(stack, 16 * 1024).into()),
        ("reason", "raised".into()),
    ])
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(|cause| cause.to_string())).collect::<Vec<_>>().join(": ")
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or("(no text)".into())
}

thread_local! {
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

fn note_where_it_panics() {
    // There a panic ends the module at once: what it says is to be seen.
    if cfg!(target_os = "wasi") {
        return;
    }
    set_hook(Box::new(|panic| {
        let place = panic.location().map(|location| location.to_string()).unwrap_or_default();
        PANICKED_AT.with(|noted| noted.replace(format!("at {place}")));
    }));
}
