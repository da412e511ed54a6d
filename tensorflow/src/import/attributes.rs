//! The attributes of a node by type, with the defaults of TensorFlow's operators.

use eightbit_graph::{DataType, Error};

use super::operation::Operation;
use super::tensor;
use crate::proto::{TensorProto, Value};

impl<'d> Operation<'d> {
    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Value::I(value)) => Ok(*value),
            Some(_) => Err(self.wrong_attribute(name, "must be an integer")),
        }
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Value::F(value)) => Ok(*value),
            Some(_) => Err(self.wrong_attribute(name, "must be a float")),
        }
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Value::B(value)) => Ok(*value),
            Some(_) => Err(self.wrong_attribute(name, "must be a flag")),
        }
    }

    pub(super) fn text<'t>(&'t self, name: &str, default: &'t str) -> Result<&'t str, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Value::S(value)) => {
                std::str::from_utf8(value).map_err(|_| self.wrong_attribute(name, "must be UTF-8"))
            }
            Some(_) => Err(self.wrong_attribute(name, "must be a text")),
        }
    }

    /// A list of integers; empty if it is absent.
    pub(super) fn ints(&self, name: &str) -> Result<&'d [i64], Error> {
        match self.attribute(name) {
            None => Ok(&[]),
            Some(Value::List(list)) => Ok(&list.i),
            Some(_) => Err(self.wrong_attribute(name, "must be a list of integers")),
        }
    }

    /// A list of texts; empty if it is absent.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'d str>, Error> {
        let wrong = || self.wrong_attribute(name, "must be a list of texts");
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Value::List(list)) => {
                list.s.iter().map(|text| std::str::from_utf8(text).map_err(|_| wrong())).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// An element type; `default` if it is absent.
    pub(super) fn data_type(&self, name: &str, default: DataType) -> Result<DataType, Error> {
        match self.attribute(name) {
            None => Ok(default),
            Some(&Value::Type(number)) => tensor::data_type(number)
                .ok_or_else(|| self.unsupported(format!("elements of TensorFlow's type number {number}"))),
            Some(_) => Err(self.wrong_attribute(name, "must be an element type")),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<&'d TensorProto, Error> {
        match self.attribute(name) {
            Some(Value::Tensor(value)) => Ok(value),
            _ => Err(self.wrong_attribute(name, "must be a tensor")),
        }
    }

    /// A shape, with `None` for dimensions that are open; `None` if it is absent or of unknown rank.
    pub(super) fn shape(&self, name: &str) -> Result<Option<Vec<Option<usize>>>, Error> {
        match self.attribute(name) {
            Some(Value::Shape(shape)) if !shape.unknown_rank => {
                let size = |size: i64| match size {
                    -1 => Ok(None),
                    size => usize::try_from(size)
                        .map(Some)
                        .map_err(|_| self.wrong_attribute(name, format!("a dimension is {size}"))),
                };
                shape.dim.iter().map(|dim| size(dim.size)).collect::<Result<_, _>>().map(Some)
            }
            Some(Value::Shape(_)) | None => Ok(None),
            Some(_) => Err(self.wrong_attribute(name, "must be a shape")),
        }
    }
}
