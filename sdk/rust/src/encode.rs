//! What may be given, and how it becomes JSON.

use crate::json::{object, Value};
use crate::records::{Affirmation, Declaration, DerivedRaw, Object, Record, Reference, ScanProfile, To};

/// What `Output::give` takes.
pub trait Give {
    /// What is returned for it: a reference to the object that was given, or nothing.
    type Given;

    /// `id`: a number that no other object of this output has.
    fn encode(self, id: u64) -> (Value, Self::Given);
}

impl<T: Object> Give for T {
    type Given = Reference<T>;

    fn encode(self, id: u64) -> (Value, Reference<T>) {
        (with_id(self, id), Reference::new(To::Id(id)))
    }
}

impl<T: Object> Give for Declaration<T> {
    type Given = Reference<T>;

    fn encode(self, id: u64) -> (Value, Reference<T>) {
        let mut fields = vec![("record_type", "declaration".into()), ("object", with_id(self.object, id))];
        fields.extend(self.end_valid_time.map(|time| ("end_valid_time", time.into())));
        (to_object(fields), Reference::new(To::Id(id)))
    }
}

impl<T: Object> Give for Affirmation<T> {
    type Given = Reference<T>;

    fn encode(self, id: u64) -> (Value, Reference<T>) {
        let fields = vec![("record_type", "affirmation".into()), ("object", with_id(self.object, id))];
        (to_object(fields), Reference::new(To::Id(id)))
    }
}

impl<T: ?Sized> Give for ScanProfile<T> {
    type Given = ();

    fn encode(self, _: u64) -> (Value, ()) {
        let reference = self.reference.into();
        (object([("record_type", "scan_profile".into()), ("reference", reference), ("level", self.level.into())]), ())
    }
}

impl Give for DerivedRaw {
    type Given = ();

    fn encode(self, _: u64) -> (Value, ()) {
        let content = base64(&self.content).into();
        (object([("record_type", "raw".into()), ("mime_types", self.mime_types.into()), ("content", content)]), ())
    }
}

impl Give for Record {
    type Given = ();

    fn encode(self, _: u64) -> (Value, ()) {
        (Value::Object(self.0), ())
    }
}

pub fn with_id<T: Object>(given: T, id: u64) -> Value {
    let mut fields = vec![("$id", format!("~{id}").into()), ("object_type", T::OBJECT_TYPE.into())];
    fields.extend(given.fields());
    to_object(fields)
}

fn to_object(fields: Vec<(&'static str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place > chunk.len() { '=' } else { digit });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(super::base64(bytes.as_bytes()), text);
        }
        assert_eq!(super::base64(&[0xff, 0xfe]), "//4=");
    }
}
