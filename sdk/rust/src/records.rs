use std::marker::PhantomData;

use crate::Value;

/// A reference to an object of type T, or of any type of the group T: what `Output::give` and `Output::mention`
/// return, or a primary key.
pub struct Reference<T: ?Sized> {
    pub(crate) to: To,
    of: PhantomData<fn() -> *const T>,
}

#[derive(Clone)]
pub(crate) enum To {
    /// Nothing: a field that has to be there, and that its author forgot.
    Nothing,
    Key(String),
    Id(u64),
}

impl<T: ?Sized> Reference<T> {
    /// By its primary key, such as `Hostname|internet|example.com`.
    pub fn key(primary_key: impl Into<String>) -> Self {
        Self::new(To::Key(primary_key.into()))
    }

    pub(crate) fn new(to: To) -> Self {
        Reference { to, of: PhantomData }
    }

    /// The same reference, as one to a group of types, or to any: `.into()` for those that the object model has.
    pub(crate) fn cast<U: ?Sized>(self) -> Reference<U> {
        Reference::new(self.to)
    }
}

impl<T: ?Sized> Clone for Reference<T> {
    fn clone(&self) -> Self {
        Self::new(self.to.clone())
    }
}

/// Refers to nothing, which the host refuses where a reference is required.
impl<T: ?Sized> Default for Reference<T> {
    fn default() -> Self {
        Self::new(To::Nothing)
    }
}

impl<T: ?Sized> From<Reference<T>> for Value {
    fn from(reference: Reference<T>) -> Value {
        match reference.to {
            To::Nothing => Value::Null,
            To::Key(key) => Value::Text(key),
            To::Id(id) => crate::json::object([("$ref", format!("#~{id}").into())]),
        }
    }
}

/// One of the structs of objects.rs. Nothing is checked here: the host checks everything, once.
pub trait Object {
    const OBJECT_TYPE: &'static str;

    /// Its fields, in their order, without those that were left out.
    fn fields(self) -> Vec<(&'static str, Value)>;
}

/// Any record, as JSON has it: its fields.
pub struct Record(pub Vec<(String, Value)>);

/// An object that exists because somebody says so, until `end_valid_time`, RFC 3339, if that is given.
pub struct Declaration<T: Object> {
    pub object: T,
    pub end_valid_time: Option<String>,
}

/// Facts about an object that something else has found.
pub struct Affirmation<T: Object> {
    pub object: T,
}

/// The level, 0 to 4, to which an object may be scanned.
pub struct ScanProfile<T: ?Sized> {
    pub reference: Reference<T>,
    pub level: u32,
}

/// A raw file that was found in the raw file.
pub struct DerivedRaw {
    pub content: Vec<u8>,
    pub mime_types: Vec<String>,
}
