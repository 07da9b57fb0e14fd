use crate::Value;

/// One raw file of a run.
pub struct RawFile {
    pub id: String,
    pub mime_types: Vec<String>,
    pub content: Vec<u8>,
}

/// OpenKAT's NormalizerMeta: `meta.json["raw_data"]["boefje_meta"]["id"].text()`; and short cuts.
pub struct Meta {
    pub json: Value,
    /// All raw files of the run; the first is the one that is given as `raw`.
    pub raws: Vec<RawFile>,
}

impl Meta {
    /// The object that was scanned, as boefjes get it; `Value::Null`: there is none.
    pub fn input(&self) -> &Value {
        &self.json["raw_data"]["boefje_meta"]["arguments"]["input"]
    }

    /// Its primary key.
    pub fn input_ooi(&self) -> Option<&str> {
        self.json["raw_data"]["boefje_meta"]["input_ooi"].text()
    }
}
