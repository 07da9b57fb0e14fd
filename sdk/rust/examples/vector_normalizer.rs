//! The fixture normalizer of protocol/vectors/README.md.

use std::cell::Cell;

use whiskers::{Meta, Output, Record, Result, Value};

fn main() {
    let runs = Cell::new(0);
    whiskers::serve(|meta, _, out| run(meta, out, &runs))
}

fn run(meta: &Meta, out: &mut Output, runs: &Cell<i64>) -> Result {
    let what = meta.input();
    match what["do"].text().unwrap_or("") {
        "describe" => {
            whiskers::info!("{} raw files", meta.raws.len());
            for raw in &meta.raws {
                give(
                    out,
                    [
                        ("id", raw.id.as_str().into()),
                        ("mime_types", raw.mime_types.clone().into()),
                        ("size", (raw.content.len() as i64).into()),
                        ("sha256", sha256(&raw.content).into()),
                    ],
                );
            }
        }
        "count" => {
            for i in 0..what["n"].number().unwrap_or(0.0) as i64 {
                give(out, [("i", i.into())]);
            }
        }
        "text" => give(out, [("text", what["text"].clone())]),
        "print" => {
            println!("{}", what["text"].text().unwrap_or(""));
            give(out, [("printed", true.into())]);
        }
        "raise" => {
            give(out, [("before", true.into())]);
            return Err(what["message"].text().unwrap_or("").into());
        }
        "remember" => {
            runs.set(runs.get() + 1);
            give(out, [("runs", runs.get().into())]);
        }
        _ => {}
    }
    Ok(())
}

fn give<const N: usize>(out: &mut Output, fields: [(&str, Value); N]) {
    let fields = fields.into_iter().map(|(name, value)| (name.to_string(), value));
    let kind = ("record_type".to_string(), "vector".into());
    out.give(Record(std::iter::once(kind).chain(fields).collect()));
}

/// FIPS 180-4: the standard library has none, and the SDK no dependencies.
fn sha256(bytes: &[u8]) -> String {
    let primes: Vec<u64> = (2u64..312).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    let mut state: Vec<u32> = primes[..8].iter().map(|p| fraction((*p as f64).sqrt(), *p, 2)).collect();
    let constants: Vec<u32> = primes[..64].iter().map(|p| fraction((*p as f64).cbrt(), *p, 3)).collect();
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let t1 = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(constants[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(t1);
            v[0] = t1.wrapping_add(s0.wrapping_add(majority));
        }
        for (kept, new) in state.iter_mut().zip(v) {
            *kept = kept.wrapping_add(new);
        }
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

/// The first 32 bits of the fraction of a root, made exact: the floating point number is only a guess.
fn fraction(root: f64, of: u64, power: u32) -> u32 {
    let mut guess = (root * 4_294_967_296.0) as u128;
    let target = u128::from(of) << (32 * power);
    while guess.pow(power) > target {
        guess -= 1;
    }
    while (guess + 1).pow(power) <= target {
        guess += 1;
    }
    guess as u32
}
