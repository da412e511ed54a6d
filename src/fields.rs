//! Methods that return or set one field.

/// Defines a method for each private field, of its name.
macro_rules! getters {
    ($($(#[$doc:meta])* $field:ident: $type:ty),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $field(&self) -> $type {
                self.$field
            }
        )+
    };
}
pub(crate) use getters;

/// Defines a builder method for each field.
macro_rules! builders {
    ($($(#[$doc:meta])* $name:ident($field:ident: $type:ty)),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub const fn $name(mut self, $field: $type) -> Self {
                self.$field = $field;
                self
            }
        )+
    };
}
pub(crate) use builders;
