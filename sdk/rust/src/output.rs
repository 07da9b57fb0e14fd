use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::encode::{with_id, Give};
use crate::frames;
use crate::guest::failure;
use crate::json::{is_writable, object, Value};
use crate::records::{Object, Reference, To};

const BATCH_BYTES: usize = 64 * 1024;
const BATCH_TIME: Duration = Duration::from_secs(1);

/// Takes what a normalizer gives and sends it on while it runs, in frames of about 64 KiB.
pub struct Output {
    stream: Arc<File>,
    run: u32,
    batch: Vec<u8>,
    sent_at: Instant,
    count: u64,
    last_id: u64,
    failed: Option<Value>,
}

impl Output {
    pub(crate) fn new(stream: Arc<File>, run: u32) -> Output {
        let batch = Vec::with_capacity(BATCH_BYTES);
        Output { stream, run, batch, sent_at: Instant::now(), count: 0, last_id: 0, failed: None }
    }

    /// Gives one record: an object, a `Declaration`, `Affirmation`, `ScanProfile`, `DerivedRaw` or `Record`. Waits while
    /// the host is busy. Returns a reference to the object. A record that cannot be written fails the run, whatever
    /// the normalizer returns; what follows is dropped.
    pub fn give<R: Give>(&mut self, record: R) -> R::Given {
        self.last_id += 1;
        let (value, given) = record.encode(self.last_id);
        self.add(&value);
        given
    }

    /// A reference to an object, without the claim that it exists.
    pub fn mention<T: Object>(&mut self, mentioned: T) -> Reference<T> {
        self.last_id += 1;
        let mentioned = with_id(mentioned, self.last_id);
        self.add(&object([("record_type", "reference".into()), ("object", mentioned)]));
        Reference::new(To::Id(self.last_id))
    }

    fn add(&mut self, record: &Value) {
        if self.failed.is_some() {
            return;
        }
        let line = record.to_string();
        let why = if !is_writable(record) {
            "cannot be written as JSON: it holds a number that is none"
        } else if line.len() + 1 > frames::PAYLOAD_MAX_BYTES {
            "does not fit into a frame"
        } else {
            if self.batch.len() + line.len() + 1 > frames::PAYLOAD_MAX_BYTES {
                self.flush();
            }
            self.count += 1;
            self.batch.extend_from_slice(line.as_bytes());
            self.batch.push(b'\n');
            if self.batch.len() >= BATCH_BYTES || self.sent_at.elapsed() >= BATCH_TIME {
                self.flush();
            }
            return;
        };
        self.failed = Some(failure("Error", &format!("record {} {why}", self.count), ""));
    }

    pub(crate) fn flush(&mut self) {
        self.sent_at = Instant::now();
        if !self.batch.is_empty() {
            frames::send(&self.stream, frames::RECORDS, self.run, &self.batch);
            self.batch.clear();
        }
    }

    /// What failed while it was given.
    pub(crate) fn finish(&mut self) -> Option<Value> {
        self.failed.take()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}
