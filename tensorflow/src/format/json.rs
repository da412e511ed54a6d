//! From the JSON form of a message to its wire format.
//!
//! As the text form, it is written while it is read; the reader of JSON bounds the nesting.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::schema::{Field, Kind, Message};
use super::text_in::scalar;
use super::wire::put_delimited;

/// Reads a message as its wire format. Fields that the schema does not have are skipped.
#[derive(Clone, Copy)]
pub(super) struct InWire(pub(super) &'static Message);

impl<'de> DeserializeSeed<'de> for InWire {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InWire {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.0.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<u8>, A::Error> {
        let mut out = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match self.0.named(&name) {
                Some(field) => map.next_value_seed(Put { field, is_element: false, out: &mut out })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(out)
    }
}

/// Appends a value of a field.
struct Put<'f, 'o> {
    field: &'f Field,
    /// Whether it is an element of a list.
    is_element: bool,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Put<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Put<'_, '_> {
    /// Appends a number or a name, written as in the text form.
    fn word<E: Error>(self, word: &str) -> Result<(), E> {
        let (word, negative) = word.strip_prefix('-').map_or((word, false), |word| (word, true));
        scalar(self.field.kind, self.field.number, word, negative, self.out)
            .map_err(|reason| E::custom(format_args!("{}: {reason}", self.field.name)))
    }
}

impl<'de> Visitor<'de> for Put<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", self.field.name)
    }

    /// Null is absent.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.word(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.word(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.word(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.word(&format!("{value:?}"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::String => put_delimited(self.field.number, text.as_bytes(), self.out),
            Kind::Bytes => {
                let bytes = STANDARD.decode(text);
                let bytes =
                    bytes.map_err(|_| E::custom(format_args!("{} is not base64", self.field.name)))?;
                put_delimited(self.field.number, &bytes, self.out);
            }
            Kind::Float | Kind::Double if text.ends_with("Infinity") => {
                return self.word(if text.starts_with('-') { "-inf" } else { "inf" });
            }
            _ => return self.word(text),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { field, is_element, out } = self;
        if matches!(field.kind, Kind::Bytes) && (is_element || !field.repeated) {
            // Some writers spell bytes as numbers.
            let mut bytes = Vec::new();
            while let Some(byte) = list.next_element::<u8>()? {
                bytes.push(byte);
            }
            put_delimited(field.number, &bytes, out);
            return Ok(());
        }
        if is_element || !field.repeated {
            return Err(A::Error::custom(format_args!("{} is not a list", field.name)));
        }
        while list.next_element_seed(Put { field, is_element: true, out })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let number = self.field.number;
        match self.field.kind {
            Kind::Sub(message) => {
                let inside = InWire(message).visit_map(map)?;
                put_delimited(number, &inside, self.out);
            }
            Kind::Map(entry) => {
                let [Some(key_field), Some(value_field)] = [1, 2].map(|number| entry.numbered(number)) else {
                    return Err(A::Error::custom("the schema has a map without values"));
                };
                while let Some(key) = map.next_key::<String>()? {
                    let mut inside = Vec::new();
                    Put { field: key_field, is_element: false, out: &mut inside }.visit_str(&key)?;
                    map.next_value_seed(Put { field: value_field, is_element: false, out: &mut inside })?;
                    put_delimited(number, &inside, self.out);
                }
            }
            _ => return Err(A::Error::custom(format_args!("{} is not a message", self.field.name))),
        }
        Ok(())
    }
}
