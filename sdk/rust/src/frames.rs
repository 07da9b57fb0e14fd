//! Frames of the guest protocol, version 1: protocol/README.md.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::exit;

pub const RUN: u8 = 0x01;
pub const RAW: u8 = 0x02;
pub const READY: u8 = 0x10;
pub const RECORDS: u8 = 0x11;
pub const LOG: u8 = 0x12;
pub const DONE: u8 = 0x13;
pub const FAILED: u8 = 0x14;

pub const PAYLOAD_MAX_BYTES: usize = 16 * 1024 * 1024;
const HEADER_BYTES: usize = 9;

/// As in sysexits.h: the host is gone, and there is nobody left to tell.
const EXIT_HOST_GONE: i32 = 74;

/// The host sent what the guest does not understand.
pub struct BadInput(pub String);

pub struct Header {
    pub length: usize,
    pub kind: u8,
    pub run: u32,
}

/// Writes one frame whole, and waits for a host that is busy.
pub fn send(mut output: &File, kind: u8, run: u32, payload: &[u8]) {
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(&run.to_be_bytes());
    frame.extend_from_slice(payload);
    if output.write_all(&frame).is_err() {
        exit(EXIT_HOST_GONE);
    }
}

/// Of the next frame; `None` at the end of the stream.
pub fn header(input: &mut impl Read) -> Result<Option<Header>, BadInput> {
    let mut bytes = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < HEADER_BYTES {
        match input.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(BadInput("the stream ended inside a header".into())),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(BadInput(error.to_string())),
        }
    }
    let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let length = number(0) as usize;
    if length > PAYLOAD_MAX_BYTES {
        return Err(BadInput(format!("a frame of {length} bytes")));
    }
    Ok(Some(Header { length, kind: bytes[4], run: number(5) }))
}

pub fn fill(input: &mut impl Read, target: &mut [u8]) -> Result<(), BadInput> {
    input.read_exact(target).map_err(|_| BadInput("the stream ended inside a frame".into()))
}
