// SPDX-License-Identifier: MIT OR Apache-2.0

//! Paths and arguments in JSON: text where they are UTF-8, a list of bytes where they are not.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&OsStr> for Form {
    fn from(value: &OsStr) -> Self {
        match value.to_str() {
            Some(text) => Form::Text(text.to_owned()),
            None => Form::Bytes(value.as_bytes().to_vec()),
        }
    }
}

impl From<Form> for OsString {
    fn from(form: Form) -> Self {
        match form {
            Form::Text(text) => text.into(),
            Form::Bytes(bytes) => OsString::from_vec(bytes),
        }
    }
}

/// For one value.
pub mod one {
    use super::*;

    pub fn serialize<T: AsRef<OsStr>, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        Form::from(value.as_ref()).serialize(to)
    }

    pub fn deserialize<'de, T: From<OsString>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        Ok(OsString::from(Form::deserialize(from)?).into())
    }
}

/// For a list.
pub mod many {
    use super::*;

    pub fn serialize<S: Serializer>(values: &[OsString], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|value| Form::from(value.as_os_str())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<OsString>, D::Error> {
        let forms = Vec::<Form>::deserialize(from)?;
        Ok(forms.into_iter().map(OsString::from).collect())
    }
}

/// For a list of paths.
pub mod paths {
    use std::path::PathBuf;

    use super::*;

    pub fn serialize<S: Serializer>(values: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|value| Form::from(value.as_os_str())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        let forms = Vec::<Form>::deserialize(from)?;
        Ok(forms
            .into_iter()
            .map(|form| OsString::from(form).into())
            .collect())
    }
}

/// For one value that may be missing.
pub mod optional {
    use super::*;

    pub fn serialize<T: AsRef<OsStr>, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .as_ref()
            .map(|value| Form::from(value.as_ref()))
            .serialize(to)
    }

    pub fn deserialize<'de, T: From<OsString>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let form = Option::<Form>::deserialize(from)?;
        Ok(form.map(|form| OsString::from(form).into()))
    }
}
