//! JSON, as little as this needs: so there are no dependencies, and a normalizer builds where there is no registry.

use std::fmt::{Display, Formatter, Write};
use std::ops::Index;

/// Any JSON. Fields of an object keep their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Of a list; of all else none.
    pub fn items(&self) -> &[Value] {
        if let Value::List(items) = self { items } else { &[] }
    }
}

/// An object from its fields.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// `value["a"]["b"]`: `Null` where there is no such field.
impl Index<&str> for Value {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        let Value::Object(fields) = self else { return &Value::Null };
        fields.iter().find(|(field, _)| field == name).map_or(&Value::Null, |(_, value)| value)
    }
}

macro_rules! from {
    ($($type:ty => $made:expr),*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Value {
                let make: fn($type) -> Value = $made;
                make(value)
            }
        })*
    };
}

from! {
    bool => Value::Bool,
    i32 => |number| Value::Integer(number.into()),
    u32 => |number| Value::Integer(number.into()),
    i64 => Value::Integer,
    f64 => Value::Number,
    String => Value::Text,
    &str => |text| Value::Text(text.to_string())
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// As JSON, without a line break. NaN and infinity have no form there: `is_writable` says so before.
impl Display for Value {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Integer(number) => write!(out, "{number}"),
            Value::Number(number) => write!(out, "{number:?}"),
            Value::Text(text) => write_text(out, text),
            Value::List(items) => {
                out.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.write_char(',')?;
                    }
                    write!(out, "{item}")?;
                }
                out.write_char(']')
            }
            Value::Object(fields) => {
                out.write_char('{')?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.write_char(',')?;
                    }
                    write_text(out, name)?;
                    write!(out, ":{value}")?;
                }
                out.write_char('}')
            }
        }
    }
}

fn write_text(out: &mut Formatter<'_>, text: &str) -> std::fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            control if control < ' ' => write!(out, "\\u{:04x}", control as u32)?,
            other => out.write_char(other)?,
        }
    }
    out.write_char('"')
}

pub fn is_writable(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_writable),
        Value::Object(fields) => fields.iter().all(|(_, value)| is_writable(value)),
        _ => true,
    }
}

/// Deeper than any host writes.
const DEPTH_MAX: usize = 128;

/// `None`: it is no JSON.
pub fn parse(bytes: &[u8]) -> Option<Value> {
    let mut parser = Parser { text: std::str::from_utf8(bytes).ok()?, at: 0 };
    let value = parser.value(DEPTH_MAX)?;
    parser.skip_spaces();
    if parser.at == bytes.len() { Some(value) } else { None }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_spaces();
        match self.peek()? {
            b'{' => self.fields(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn fields(&mut self, depth: usize) -> Option<Value> {
        let mut fields = Vec::new();
        self.at += 1;
        while !self.ends_with(b'}', fields.is_empty())? {
            self.skip_spaces();
            let name = self.string()?;
            self.skip_spaces();
            self.expect(b':')?;
            fields.push((name, self.value(depth)?));
        }
        Some(Value::Object(fields))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.ends_with(b']', items.is_empty())? {
            items.push(self.value(depth)?);
        }
        Some(Value::List(items))
    }

    /// At the end; else past the comma that must be there, but for the first.
    fn ends_with(&mut self, end: u8, is_first: bool) -> Option<bool> {
        self.skip_spaces();
        if self.peek()? == end {
            self.at += 1;
            return Some(true);
        }
        if !is_first {
            self.expect(b',')?;
        }
        Some(false)
    }

    fn number(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|byte| b"+-.0123456789eE".contains(byte)).count();
        let number = &rest[..length];
        self.at += length;
        number.parse().map(Value::Integer).or_else(|_| number.parse().map(Value::Number)).ok()
    }

    fn string(&mut self) -> Option<String> {
        self.expect(b'"')?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(['"', '\\'])?;
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Some(text);
            }
            let escape = self.peek()?;
            self.at += 1;
            text.push(match escape {
                b'"' | b'\\' | b'/' => escape as char,
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.code_point()?,
                _ => return None,
            });
        }
    }

    /// Two escapes make one character beyond the first 65,536; half of such a pair alone is none.
    fn code_point(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with("\\u") {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = before;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        if !self.text[self.at..].starts_with(word) {
            return None;
        }
        self.at += word.len();
        Some(value)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        if self.peek()? != wanted {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_writable, parse, Value};

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            r#"{"a":[1,-2,3.5,true,false,null],"b":{"c":"é\"\\"},"d":[],"e":{}}"#,
            r#""""#,
            "[[[]]]",
            "9007199254740993",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn escapes() {
        let text = r#""\u00e9\ud83d\ude00\n\/\ud800x""#;
        assert_eq!(parse(text.as_bytes()), Some(Value::Text("é😀\n/\u{fffd}x".into())));
        assert_eq!(Value::Text("\n\u{1}\u{7f}".into()).to_string(), "\"\\u000a\\u0001\u{7f}\"");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "[1,]", "[1 2]", "{\"a\"}", "\"\\x\"", "nul", "1 2", "\"a", "--1", &deep] {
            assert_eq!(parse(text.as_bytes()), None, "{text:.20}");
        }
        assert_eq!(parse(b"\"\xff\""), None);
        assert!(!is_writable(&Value::List(vec![Value::Number(f64::NAN)])));
    }
}
